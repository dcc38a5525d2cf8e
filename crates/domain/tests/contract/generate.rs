//! JSON as text: with odd numbers, escapes, names that stand twice, and blanks.

use icp_domain::json::Json;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One JSON value; scalars and names are kept as they are written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Scalar(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// The text without blanks.
    pub(crate) fn compact(&self) -> String {
        self.spaced(&mut std::iter::repeat(""))
    }

    /// The text with blanks between its tokens.
    pub(crate) fn spaced<'b>(&self, blanks: &mut impl Iterator<Item = &'b str>) -> String {
        let mut blank = || blanks.next().unwrap_or_default();
        let (before, after) = (blank(), blank());
        let inner = match self {
            Self::Scalar(text) => text.clone(),
            Self::Array(elements) => {
                let elements: Vec<String> = elements.iter().map(|element| element.spaced(blanks)).collect();
                format!("[{before}{}]", elements.join(","))
            }
            Self::Object(members) => {
                let member = |(name, value): &(String, Self)| {
                    format!("{after}{name}{before}:{}", value.spaced(blanks))
                };
                let members: Vec<String> = members.iter().map(member).collect();
                format!("{{{before}{}}}", members.join(","))
            }
        };
        format!("{before}{inner}{after}")
    }

    pub(crate) fn of(json: Json<'_>) -> Self {
        let text = json.text();
        match text.as_bytes()[0] {
            b'[' => Self::Array(json.elements().map(Self::of).collect()),
            b'{' => {
                let member = |member: icp_domain::json::Member<'_>| {
                    (serde_json::to_string(&member.name).unwrap(), Self::of(member.value))
                };
                Self::Object(json.members().map(member).collect())
            }
            _ => Self::Scalar(text.to_owned()),
        }
    }

    /// Every value within, this one first.
    fn count(&self) -> usize {
        1 + match self {
            Self::Scalar(_) => 0,
            Self::Array(elements) => elements.iter().map(Self::count).sum(),
            Self::Object(members) => members.iter().map(|(_, value)| value.count()).sum::<usize>(),
        }
    }

    /// The value with this number, in the order of [`Self::count`].
    fn nth(&mut self, number: &mut usize) -> Option<&mut Self> {
        if *number == 0 {
            return Some(self);
        }
        *number -= 1;
        match self {
            Self::Scalar(_) => None,
            Self::Array(elements) => elements.iter_mut().find_map(|element| element.nth(number)),
            Self::Object(members) => members.iter_mut().find_map(|(_, value)| value.nth(number)),
        }
    }
}

pub(crate) fn blanks() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(select(vec!["", "", " ", "\n", "\t ", "\r\n"]), 1..12)
}

fn number() -> impl Strategy<Value = String> {
    let odd = [
        "0",
        "-0",
        "-0.0",
        "1.0",
        "1e2",
        "1E400",
        "1e-400",
        "9007199254740993",
        "18446744073709551616",
        "10",
        "0.10",
    ];
    prop_oneof![
        select(odd.to_vec()).prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,10})?([eE][+-]?[0-9]{1,4})?",
    ]
}

const PIECES: &[&str] = &[
    "a",
    "b",
    " ",
    "é",
    "😀",
    "\u{2028}",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    r"\n",
    r"\/",
    "/",
    "~",
    r#"\""#,
    r"\\",
    r"\u0041",
    r"\u00e9",
    r"\ud83d\ude00",
    r"\ud800",
    r"\udc00",
    r"\u0000",
    r"\\u0000",
    "u0000",
];

/// A string token.
fn string() -> impl Strategy<Value = String> {
    let piece =
        prop_oneof![12 => select(PIECES.to_vec()).prop_map(str::to_owned), 1 => "[^\"\\\\\\x00-\\x1f]{1,4}"];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// Few enough that some stand twice, also by way of escapes.
fn name() -> impl Strategy<Value = String> {
    let names = [
        r#""a""#,
        r#""\u0061""#,
        r#""b""#,
        r#""""#,
        r#""a/b~""#,
        r#""0""#,
        r#""type""#,
        r#""value""#,
        r#""filters""#,
        r#""provider""#,
        r#""n\u0000""#,
        r#""\ud800""#,
        r#""é""#,
    ];
    prop_oneof![9 => select(names.to_vec()).prop_map(str::to_owned), 1 => string()]
}

pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let words = select(vec!["true", "false", "null"]).prop_map(str::to_owned);
    let scalar = prop_oneof![number(), string(), words].prop_map(Tree::Scalar);
    scalar.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Tree::Array),
            prop::collection::vec((name(), inner), 0..5).prop_map(Tree::Object),
        ]
    })
}

pub(crate) fn object() -> impl Strategy<Value = Tree> {
    prop::collection::vec((name(), tree()), 0..5).prop_map(Tree::Object)
}

/// One change somewhere in a document.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    Replace(Tree),
    Remove(Index),
    Repeat(Index),
    Insert(String, Tree),
}

pub(crate) fn mutations() -> impl Strategy<Value = Vec<(Index, Mutation)>> {
    let limits = [
        r#""""#,
        "0",
        "1",
        "100",
        "101",
        "10.0",
        "1e1",
        "null",
        "[]",
        "{}",
        r#""2024-01-15T10:30:00+01:00""#,
        r#""person""#,
        r#""(""#,
    ];
    let near = select(limits.to_vec()).prop_map(|text| Tree::Scalar(text.to_owned()));
    let mutation = prop_oneof![
        3 => near.prop_map(Mutation::Replace),
        1 => tree().prop_map(Mutation::Replace),
        2 => any::<Index>().prop_map(Mutation::Remove),
        1 => any::<Index>().prop_map(Mutation::Repeat),
        1 => (name(), tree()).prop_map(|(name, value)| Mutation::Insert(name, value)),
    ];
    prop::collection::vec((any::<Index>(), mutation), 0..4)
}

pub(crate) fn mutated(mut tree: Tree, mutations: Vec<(Index, Mutation)>) -> Tree {
    for (place, mutation) in mutations {
        let mut number = place.index(tree.count());
        let Some(value) = tree.nth(&mut number) else { continue };
        match (mutation, value) {
            (Mutation::Replace(with), value) => *value = with,
            (Mutation::Remove(at), Tree::Array(elements)) if !elements.is_empty() => {
                drop(elements.remove(at.index(elements.len())));
            }
            (Mutation::Remove(at), Tree::Object(members)) if !members.is_empty() => {
                drop(members.remove(at.index(members.len())));
            }
            (Mutation::Repeat(at), Tree::Array(elements)) if !elements.is_empty() => {
                elements.push(elements[at.index(elements.len())].clone());
            }
            (Mutation::Repeat(at), Tree::Object(members)) if !members.is_empty() => {
                members.push(members[at.index(members.len())].clone());
            }
            (Mutation::Insert(_, value), Tree::Array(elements)) => elements.push(value),
            (Mutation::Insert(name, value), Tree::Object(members)) => members.push((name, value)),
            _ => {}
        }
    }
    tree
}
