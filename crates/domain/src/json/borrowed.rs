use std::borrow::Cow;

use serde_json::value::RawValue;

use super::integer::{self, NoInteger};
use super::scan::{Scanner, Token};

/// The text is not JSON, or not only JSON.
#[derive(Debug, thiserror::Error)]
#[error("not JSON at line {line}, column {column}")]
pub struct Malformed {
    /// The line of the first fault, from 1.
    pub line: usize,
    /// Its column, from 1, in bytes; 0 where the text ends before the line begins.
    pub column: usize,
}

/// What a JSON value is.
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

/// One JSON value as text that somebody else owns.
///
/// It is valid by construction: [`Json::parse`] is the only way in, and its parts are values again.
///
/// ```
/// use icp_domain::json::Json;
///
/// let json = Json::parse(r#" {"size": 1.0, "size": 1e400} "#)?;
/// let sizes: Vec<&str> = json.members().map(|member| member.value.text()).collect();
/// assert_eq!(sizes, ["1.0", "1e400"]);
/// # Ok::<(), icp_domain::json::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// Reads one JSON value, blanks around it allowed. Any depth: nothing here recurses.
    ///
    /// # Errors
    ///
    /// [`Malformed`], with the place of the first fault, when the text is not one JSON value.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => Ok(Self(raw.get())),
            Err(error) => Err(Malformed { line: error.line(), column: error.column() }),
        }
    }

    pub(super) fn of_raw(raw: &'a RawValue) -> Self {
        Self(raw.get())
    }

    /// The text as it was written.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// What this value is.
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

    /// The string that this value is; `None` for other kinds, and for a string that is no Unicode text
    /// because it escapes half of a surrogate pair.
    pub fn string(self) -> Option<Cow<'a, str>> {
        (self.kind() == Kind::String).then(|| decode_string(self.0)).flatten()
    }

    /// The boolean that this value is.
    pub fn boolean(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The number that this value is, as close as a double comes: `1e400` is infinite.
    pub fn number(self) -> Option<f64> {
        (self.kind() == Kind::Number).then(|| self.0.parse().ok()).flatten()
    }

    /// The integer that this value is. `10`, `10.0` and `1e1` are the same integer; a fraction is none, and
    /// neither is what does not fit into 64 bits.
    pub fn integer(self) -> Option<i64> {
        self.whole_number()?.ok()
    }

    /// The integer that this value is, or why it is none; `None` for other kinds.
    pub(crate) fn whole_number(self) -> Option<Result<i64, NoInteger>> {
        (self.kind() == Kind::Number).then(|| integer::read(self.0))
    }

    /// The members of an object in their order, names that stand twice included; none for other kinds.
    pub fn members(self) -> Members<'a> {
        Members(inside(self, Kind::Object))
    }

    /// The elements of an array; none for other kinds.
    pub fn elements(self) -> Elements<'a> {
        Elements(inside(self, Kind::Array))
    }
}

fn inside(json: Json<'_>, kind: Kind) -> Scanner<'_> {
    let mut scanner = Scanner::new(if json.kind() == kind { json.0 } else { "" });
    scanner.next();
    scanner
}

/// Decodes a string token. Most have no escape, and are borrowed.
pub(super) fn decode_string(token: &str) -> Option<Cow<'_, str>> {
    if token.contains('\\') {
        return serde_json::from_str(token).ok().map(Cow::Owned);
    }
    token.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed)
}

/// One member of an object.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// Its name, decoded; as it was written where it is no Unicode text.
    pub name: Cow<'a, str>,
    /// Whether the name is Unicode text: it is not when it escapes half of a surrogate pair.
    pub name_is_unicode: bool,
    /// Its value.
    pub value: Json<'a>,
}

/// See [`Json::members`].
#[derive(Clone, Debug)]
pub struct Members<'a>(Scanner<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let token = self.0.find(|token| matches!(token, Token::String(_)))?.text();
        self.0.next(); // the colon
        let value = Json(self.0.value()?);
        let name = decode_string(token);
        let name_is_unicode = name.is_some();
        Some(Member { name: name.unwrap_or(Cow::Borrowed(token)), name_is_unicode, value })
    }
}

/// See [`Json::elements`].
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
