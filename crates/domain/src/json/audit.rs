use std::borrow::Cow;
use std::collections::HashSet;

use super::borrowed::{Json, decode_string};
use super::pointer::Pointer;
use super::scan::{Scanner, Token};

/// Something that JSON's grammar allows and a careful reader refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where it is.
    pub pointer: Pointer,
    /// What it is.
    pub kind: FlawKind,
}

/// The kinds of [`Flaw`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlawKind {
    /// A value nested deeper than the audit allows. The audit ends here.
    TooDeep,
    /// A name that its object has already (RFC 8259, section 4, leaves the meaning open).
    DuplicateName,
    /// A string or name with U+0000, which PostgreSQL cannot hold.
    Nul,
    /// A string or name that escapes half of a surrogate pair, and so is no Unicode text (RFC 8259, section 8.2).
    NotUnicode,
}

/// Looks for flaws in one pass over a value, in the order of the text.
///
/// It is an iterator, so that whoever needs to know only whether there is one stops at the first.
///
/// ```
/// use icp_domain::json::{Audit, FlawKind, Json};
///
/// let json = Json::parse(r#"{"a": {"b": 1, "b": 2}}"#)?;
/// let flaw = Audit::new(json, 64).next().unwrap();
/// assert_eq!((flaw.pointer.as_str(), flaw.kind), ("/a/b", FlawKind::DuplicateName));
/// # Ok::<(), icp_domain::json::Malformed>(())
/// ```
#[derive(Debug)]
pub struct Audit<'a> {
    tokens: Scanner<'a>,
    open: Vec<Container<'a>>,
    max_depth: usize,
}

#[derive(Debug)]
enum Container<'a> {
    Object { names: HashSet<Cow<'a, str>>, current: Option<Cow<'a, str>> },
    Array { index: usize },
}

impl<'a> Audit<'a> {
    /// An audit that allows `max_depth` objects and arrays within one another: `[]` has depth 1.
    pub fn new(json: Json<'a>, max_depth: usize) -> Self {
        Self { tokens: Scanner::new(json.text()), open: Vec::new(), max_depth }
    }

    fn pointer(&self) -> Pointer {
        let mut pointer = Pointer::default();
        for container in &self.open {
            match container {
                Container::Object { current: Some(name), .. } => pointer.enter_member(name),
                Container::Object { current: None, .. } => {}
                Container::Array { index } => pointer.enter_element(*index),
            }
        }
        pointer
    }

    fn flaw(&self, kind: FlawKind) -> Flaw {
        Flaw { pointer: self.pointer(), kind }
    }

    fn open(&mut self, bracket: &str) -> Option<Flaw> {
        if self.open.len() >= self.max_depth {
            self.tokens = Scanner::new("");
            return Some(self.flaw(FlawKind::TooDeep));
        }
        self.open.push(match bracket {
            "{" => Container::Object { names: HashSet::new(), current: None },
            _ => Container::Array { index: 0 },
        });
        None
    }

    fn string(&mut self, token: &'a str) -> Option<Flaw> {
        let (text, mut kind) = match decode_string(token) {
            Some(text) if text.contains('\0') => (text, Some(FlawKind::Nul)),
            Some(text) => (text, None),
            None => (Cow::Borrowed(token), Some(FlawKind::NotUnicode)),
        };
        if let Some(Container::Object { names, current: current @ None }) = self.open.last_mut() {
            if !names.insert(text.clone()) {
                kind = kind.or(Some(FlawKind::DuplicateName));
            }
            *current = Some(text);
        }
        kind.map(|kind| self.flaw(kind))
    }

    fn comma(&mut self) -> Option<Flaw> {
        match self.open.last_mut() {
            Some(Container::Object { current, .. }) => *current = None,
            Some(Container::Array { index }) => *index += 1,
            None => {}
        }
        None
    }
}

impl Iterator for Audit<'_> {
    type Item = Flaw;

    fn next(&mut self) -> Option<Flaw> {
        loop {
            let flaw = match self.tokens.next()? {
                Token::Open(bracket) => self.open(bracket),
                Token::Close(_) => self.open.pop().and(None),
                Token::String(token) => self.string(token),
                Token::Comma => self.comma(),
                Token::Colon | Token::Scalar(_) => None,
            };
            if flaw.is_some() {
                return flaw;
            }
        }
    }
}
