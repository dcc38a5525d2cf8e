//! Splits a text that is known to be JSON into tokens.

/// One token. Strings keep their quotes and escapes; scalars are numbers, `true`, `false` and `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open(&'a str),
    Close(&'a str),
    Colon,
    Comma,
    String(&'a str),
    Scalar(&'a str),
}

impl<'a> Token<'a> {
    pub(super) fn text(self) -> &'a str {
        match self {
            Self::Open(text) | Self::Close(text) | Self::String(text) | Self::Scalar(text) => text,
            Self::Colon => ":",
            Self::Comma => ",",
        }
    }
}

/// Iterates over the tokens of valid JSON. The tokens of other text have no meaning, but the iteration ends without a
/// panic.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(json: &'a str) -> Self {
        Self { rest: json }
    }

    /// Returns the text of the value that begins at the next token.
    pub(super) fn value(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        let start = self.rest;
        let mut depth = 0_usize;
        loop {
            match self.next()? {
                Token::Open(_) => depth += 1,
                Token::Close(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return start.get(..start.len() - self.rest.len());
            }
        }
    }

    fn skip_blanks(&mut self) {
        // Most tokens have no white space before them.
        if self.rest.as_bytes().first().is_some_and(|byte| *byte <= b' ') {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        }
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (token, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        token
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let token = match self.rest.as_bytes().first()? {
            b'{' | b'[' => Token::Open(self.take(1)),
            b'}' | b']' => Token::Close(self.take(1)),
            b':' => {
                self.take(1);
                Token::Colon
            }
            b',' => {
                self.take(1);
                Token::Comma
            }
            b'"' => Token::String(self.take(string_length(self.rest))),
            _ => {
                let end = self.rest.find([',', ']', '}', ':', ' ', '\t', '\n', '\r']);
                Token::Scalar(self.take(end.unwrap_or(self.rest.len())))
            }
        };
        Some(token)
    }
}

/// Returns the length in bytes of the string at the start of `text`, including its quotes.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}
