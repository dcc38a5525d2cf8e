use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};

use super::borrowed::{Json, decode_string};
use super::pointer::Pointer;
use super::scan::{Scanner, Token};

/// A flaw that the grammar of JSON allows and a strict reader refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The value that has the flaw.
    pub pointer: Pointer,
    /// Position of the flaw in the audited text, in bytes.
    pub offset: usize,
    /// The kind of the flaw.
    pub kind: FlawKind,
}

/// The kind of a [`Flaw`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlawKind {
    /// A value that is nested deeper than the audit allows. The audit ends with this flaw.
    TooDeep,
    /// A name that occurred before in its object. RFC 8259, section 4, does not define the meaning of duplicate names.
    DuplicateName,
    /// A string or name with U+0000, which PostgreSQL cannot store.
    Nul,
    /// A string or name that escapes half of a surrogate pair, so it is not Unicode text (RFC 8259, section 8.2).
    NotUnicode,
}

/// Finds the flaws of a JSON value in one pass, in the order of the text.
///
/// ```
/// use icp_json::{Audit, FlawKind, Json};
///
/// let json = Json::parse(r#"{"a": {"b": 1, "b": 2}}"#)?;
/// let flaw = Audit::new(json, 64).next().unwrap();
/// assert_eq!((flaw.pointer.as_str(), flaw.kind), ("/a/b", FlawKind::DuplicateName));
/// # Ok::<(), icp_json::Malformed>(())
/// ```
#[derive(Debug)]
pub struct Audit<'a> {
    text: &'a str,
    tokens: Scanner<'a>,
    containers: Vec<Container<'a>>,
    max_depth: usize,
    is_reported: fn(FlawKind) -> bool,
    flaws: VecDeque<Flaw>,
}

#[derive(Debug)]
enum Container<'a> {
    Object { names: HashSet<Cow<'a, str>>, current: Option<Cow<'a, str>> },
    Array { index: usize },
}

impl<'a> Audit<'a> {
    /// Creates an audit that allows `max_depth` levels of objects and arrays. `[]` has one level.
    pub fn new(json: Json<'a>, max_depth: usize) -> Self {
        Self {
            text: json.text(),
            tokens: Scanner::new(json.text()),
            containers: Vec::new(),
            max_depth,
            is_reported: |_| true,
            flaws: VecDeque::new(),
        }
    }

    /// Reports only `TooDeep` and the kinds for which `is_reported` returns true. No pointers are created for other
    /// flaws. If a member with a long name contains many flaws, creating all pointers takes time quadratic in the
    /// length of the text.
    #[must_use]
    pub fn reporting(mut self, is_reported: fn(FlawKind) -> bool) -> Self {
        self.is_reported = is_reported;
        self
    }

    fn pointer(&self) -> Pointer {
        let mut pointer = Pointer::default();
        for container in &self.containers {
            match container {
                Container::Object { current: Some(name), .. } => pointer.push_member(name),
                Container::Object { current: None, .. } => {}
                Container::Array { index } => pointer.push_element(*index),
            }
        }
        pointer
    }

    fn flaw(&self, kind: FlawKind, token: &str) -> Flaw {
        // A token is a slice of the text, so the difference of the addresses is the offset.
        let offset = token.as_ptr().addr() - self.text.as_ptr().addr();
        Flaw { pointer: self.pointer(), offset, kind }
    }

    fn enter(&mut self, bracket: &str) {
        if self.containers.len() >= self.max_depth {
            self.tokens = Scanner::new("");
            self.flaws.push_back(self.flaw(FlawKind::TooDeep, bracket));
            return;
        }
        self.containers.push(match bracket {
            "{" => Container::Object { names: HashSet::new(), current: None },
            _ => Container::Array { index: 0 },
        });
    }

    fn string(&mut self, token: &'a str) {
        let decoded = decode_string(token);
        let is_unicode = decoded.is_some();
        // JSON allows U+0000 in a string only as an escape.
        let nul = match &decoded {
            Some(Cow::Borrowed(_)) => false,
            Some(Cow::Owned(text)) => text.contains('\0'),
            None => escapes_nul(token),
        };
        let is_repeated = self.enter_name(decoded.unwrap_or(Cow::Borrowed(token)));
        let kinds = [
            (nul, FlawKind::Nul),
            (!is_unicode, FlawKind::NotUnicode),
            (is_repeated, FlawKind::DuplicateName),
        ];
        for (_, kind) in
            kinds.into_iter().filter(|(is_present, kind)| *is_present && (self.is_reported)(*kind))
        {
            self.flaws.push_back(self.flaw(kind, token));
        }
    }

    /// If the string is the name of a member, enters this member. Returns true if the name is a duplicate.
    fn enter_name(&mut self, text: Cow<'a, str>) -> bool {
        let Some(Container::Object { names, current: current @ None }) = self.containers.last_mut() else {
            return false;
        };
        *current = Some(text.clone());
        !names.insert(text)
    }

    fn comma(&mut self) {
        match self.containers.last_mut() {
            Some(Container::Object { current, .. }) => *current = None,
            Some(Container::Array { index }) => *index += 1,
            None => {}
        }
    }
}

/// Returns true if a string token that cannot be decoded contains the escape of U+0000.
fn escapes_nul(token: &str) -> bool {
    let mut rest = token;
    while let Some((_, escape)) = rest.split_once('\\') {
        if escape.starts_with("u0000") {
            return true;
        }
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

impl Iterator for Audit<'_> {
    type Item = Flaw;

    fn next(&mut self) -> Option<Flaw> {
        loop {
            if let Some(flaw) = self.flaws.pop_front() {
                return Some(flaw);
            }
            match self.tokens.next()? {
                Token::Open(bracket) => self.enter(bracket),
                Token::Close(_) => drop(self.containers.pop()),
                Token::String(token) => self.string(token),
                Token::Comma => self.comma(),
                Token::Colon | Token::Scalar(_) => {}
            }
        }
    }
}
