use std::borrow::Cow;

use serde_json::value::RawValue;

use super::integer::{self, NotInteger};
use super::scan::{Scanner, Token};

/// The error for a text that is not one JSON value.
#[derive(Debug, thiserror::Error)]
#[error("not JSON at line {line}, column {column}")]
pub struct Malformed {
    /// Line of the first error, from 1.
    pub line: usize,
    /// Column of the first error in bytes, from 1. The column is 0 if the text ends before the first byte of the line.
    pub column: usize,
}

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// Any number, however large or precise.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// A borrowed JSON value.
///
/// A `Json` is always valid: [`Json::parse`] is the only public constructor, and the parts of a value are values.
///
/// ```
/// use icp_json::Json;
///
/// let json = Json::parse(r#" {"size": 1.0, "size": 1e400} "#)?;
/// let sizes: Vec<&str> = json.members().map(|member| member.value.text()).collect();
/// assert_eq!(sizes, ["1.0", "1e400"]);
/// # Ok::<(), icp_json::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// Parses one JSON value of any depth. White space around it is allowed.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the position of the first error, if the text is not one JSON value.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => Ok(Self(raw.get())),
            Err(error) => Err(Malformed { line: error.line(), column: error.column() }),
        }
    }

    pub(super) fn of_raw(raw: &'a RawValue) -> Self {
        Self(raw.get())
    }

    /// Returns the original text, without the white space around the value.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Returns the kind of the value.
    pub fn kind(self) -> Kind {
        match self.0.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'n') => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// Returns the decoded string. Returns `None` for other kinds, and for a string that is not Unicode text because it
    /// escapes half of a surrogate pair.
    pub fn string(self) -> Option<Cow<'a, str>> {
        (self.kind() == Kind::String).then(|| decode_string(self.0)).flatten()
    }

    /// Returns the boolean, or `None` for other kinds.
    pub fn boolean(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Returns the number, rounded to a double, or `None` for other kinds. `1e400` is rounded to infinity.
    pub fn number(self) -> Option<f64> {
        (self.kind() == Kind::Number).then(|| self.0.parse().ok()).flatten()
    }

    /// Returns the value as an integer. `10`, `10.0` and `1e1` are the same integer.
    ///
    /// # Errors
    ///
    /// [`NotInteger`] with the reason why the value is not an `i64`.
    pub fn integer(self) -> Result<i64, NotInteger> {
        if self.kind() == Kind::Number { integer::parse(self.0) } else { Err(NotInteger::OtherKind) }
    }

    /// Returns the members of an object in their order, including duplicate names. Other kinds have no members.
    pub fn members(self) -> Members<'a> {
        Members(scan_contents(self, Kind::Object))
    }

    /// Returns the elements of an array. Other kinds have no elements.
    pub fn elements(self) -> Elements<'a> {
        Elements(scan_contents(self, Kind::Array))
    }
}

/// Returns a scanner after the opening bracket of a value of this kind. For other kinds, the scanner has no tokens.
fn scan_contents(json: Json<'_>, kind: Kind) -> Scanner<'_> {
    let mut scanner = Scanner::new(if json.kind() == kind { json.0 } else { "" });
    scanner.next();
    scanner
}

/// Decodes a string token. Tokens without escapes are borrowed.
pub(super) fn decode_string(token: &str) -> Option<Cow<'_, str>> {
    if token.contains('\\') {
        return serde_json::from_str(token).ok().map(Cow::Owned);
    }
    token.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed)
}

/// A member of an object.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// The decoded name, or the original token if the name is not Unicode text.
    pub name: Cow<'a, str>,
    /// False if the name escapes half of a surrogate pair, so it is not Unicode text.
    pub name_is_unicode: bool,
    /// The value.
    pub value: Json<'a>,
}

/// Iterator of [`Json::members`].
#[derive(Clone, Debug)]
pub struct Members<'a>(Scanner<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let token = self.0.find(|token| matches!(token, Token::String(_)))?.text();
        self.0.next(); // Skips the colon.
        let value = Json(self.0.value()?);
        let name = decode_string(token);
        let name_is_unicode = name.is_some();
        Some(Member { name: name.unwrap_or(Cow::Borrowed(token)), name_is_unicode, value })
    }
}

/// Iterator of [`Json::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(Scanner<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Json<'a>> {
        let mut ahead = self.0.clone();
        match ahead.next()? {
            Token::Close(_) => return None,
            Token::Comma => self.0 = ahead,
            _ => {}
        }
        self.0.value().map(Json)
    }
}
