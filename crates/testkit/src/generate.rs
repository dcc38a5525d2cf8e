//! Random JSON texts with unusual numbers, escapes, repeated names and white space, and random changes of such texts.
//!
//! ```
//! use icp_testkit::generate::proptest::strategy::{Strategy as _, ValueTree as _};
//! use icp_testkit::generate::proptest::test_runner::TestRunner;
//! use icp_testkit::generate::{Tree, mutated, mutations, name, tree};
//!
//! let before = Tree::Object(vec![(r#""a""#.to_owned(), Tree::Scalar("1.0".to_owned()))]);
//! assert_eq!(before.compact(), r#"{"a":1.0}"#);
//!
//! let changes = mutations(1..4, tree(), name()).new_tree(&mut TestRunner::deterministic());
//! let after = mutated(before, changes?.current()).compact();
//! assert!(icp_domain::json::Json::parse(&after).is_ok());
//! # Ok::<(), icp_testkit::generate::proptest::test_runner::Reason>(())
//! ```

use std::ops::Range;

use icp_domain::json::{Json, Kind, Member};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value as JsonValue;

/// Re-exported for tests that combine these strategies with other strategies.
pub use proptest;

/// A JSON value. Scalars and names are stored as they are written in the JSON text.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// The JSON text of a number or string, or `true`, `false` or `null`. Can also be any other JSON text of one value.
    Scalar(String),
    /// The elements of an array.
    Array(Vec<Tree>),
    /// The properties of an object. Each name is a JSON string with quotes.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// Converts a parsed JSON text to a tree. The tree has the decoded names, with other escapes than the text.
    pub fn of(json: Json<'_>) -> Self {
        let member = |member: Member<'_>| {
            (JsonValue::String(member.name.into_owned()).to_string(), Self::of(member.value))
        };
        match json.kind() {
            Kind::Array => Self::Array(json.elements().map(Self::of).collect()),
            Kind::Object => Self::Object(json.members().map(member).collect()),
            _ => Self::Scalar(json.text().to_owned()),
        }
    }

    /// Returns the JSON text without white space.
    pub fn compact(&self) -> String {
        self.spaced(&mut std::iter::repeat(""))
    }

    /// Returns the JSON text with white space from `blanks` between its tokens.
    pub fn spaced<'b>(&self, blanks: &mut impl Iterator<Item = &'b str>) -> String {
        let mut blank = || blanks.next().unwrap_or_default();
        let (before, after) = (blank(), blank());
        let value = match self {
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
        format!("{before}{value}{after}")
    }

    /// Returns the number of values in this tree, including this value itself.
    fn count(&self) -> usize {
        1 + match self {
            Self::Scalar(_) => 0,
            Self::Array(elements) => elements.iter().map(Self::count).sum(),
            Self::Object(members) => members.iter().map(|(_, value)| value.count()).sum::<usize>(),
        }
    }

    /// Returns value `number` of this tree, in depth-first order. Value 0 is this value itself.
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

/// Generates white space for [`Tree::spaced`].
pub fn blanks() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(select(vec!["", "", " ", "\n", "\t ", "\r\n"]), 1..12)
}

/// Numbers that JSON libraries often change.
const UNUSUAL_NUMBERS: &[&str] = &[
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

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        select(UNUSUAL_NUMBERS).prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,10})?([eE][+-]?[0-9]{1,4})?",
    ]
}

/// Parts of JSON strings, with escapes.
const STRING_PARTS: &[&str] = &[
    "a", "b", " ", "é", "😀", "\u{2028}", "{", "}", "[", "]", ",", ":", r"\n", r"\/", "/", "~", r#"\""#,
    r"\\", r"\u0041", r"\u00e9", r"\ud83d", r"\ude00", r"\ud800", r"\udc00", r"\u0000", r"\\u0000", "u0000",
];

/// Generates a JSON string with quotes.
pub fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        24 => select(STRING_PARTS).prop_map(str::to_owned),
        1 => Just(r"\ud83d\ude00".to_owned()),
        2 => "[^\"\\\\\\x00-\\x1f]{1,4}",
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

const NAMES: &[&str] = &[
    "a", r"\u0061", "b", "", "a/b~", "0", "type", "value", "filters", "provider", r"n\u0000", r"\ud800", "é",
];

/// Generates the name of a property as a JSON string with quotes. There are few different names, so that an object
/// often contains a name twice, in some cases with different escapes.
pub fn name() -> impl Strategy<Value = String> {
    prop_oneof![9 => select(NAMES).prop_map(|name| format!("\"{name}\"")), 1 => string()]
}

/// Generates a JSON value with at most four levels of arrays and objects.
pub fn tree() -> impl Strategy<Value = Tree> {
    let words = select(vec!["true", "false", "null"]).prop_map(str::to_owned);
    let scalar = prop_oneof![number(), string(), words].prop_map(Tree::Scalar);
    scalar.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Tree::Array),
            prop::collection::vec((name(), inner), 0..5).prop_map(Tree::Object),
        ]
    })
}

/// Generates an object whose values are from [`tree`].
pub fn object() -> impl Strategy<Value = Tree> {
    prop::collection::vec((name(), tree()), 0..5).prop_map(Tree::Object)
}

/// A change of one value. A change that does not fit the value, such as a rename in a number, has no effect.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// Replaces the value.
    Replace(Tree),
    /// Removes an element or property.
    Remove(Index),
    /// Adds a copy of an element or property.
    Repeat(Index),
    /// Adds an element or property.
    Insert(String, Tree),
    /// Renames a property.
    Rename(Index, String),
    /// Swaps two elements, or the values of two properties.
    Swap(Index, Index),
}

/// Generates changes for [`mutated`], each with the position of the value that it changes. `values` generates the
/// values of [`Mutation::Replace`], and `names` generates all new names. The values of [`Mutation::Insert`] are from
/// [`tree`].
pub fn mutations(
    count: Range<usize>,
    values: impl Strategy<Value = Tree>,
    names: impl Strategy<Value = String> + 'static,
) -> impl Strategy<Value = Vec<(Index, Mutation)>> {
    let (position, names) = (any::<Index>, names.boxed());
    let mutation = prop_oneof![
        4 => values.prop_map(Mutation::Replace),
        2 => position().prop_map(Mutation::Remove),
        1 => position().prop_map(Mutation::Repeat),
        1 => (names.clone(), tree()).prop_map(|(name, value)| Mutation::Insert(name, value)),
        1 => (position(), names).prop_map(|(position, name)| Mutation::Rename(position, name)),
        1 => (position(), position()).prop_map(|(first, second)| Mutation::Swap(first, second)),
    ];
    prop::collection::vec((position(), mutation), count)
}

/// Applies the changes in order, and returns the changed tree.
#[must_use]
pub fn mutated(mut tree: Tree, mutations: Vec<(Index, Mutation)>) -> Tree {
    for (position, mutation) in mutations {
        let mut number = position.index(tree.count());
        if let Some(value) = tree.nth(&mut number) {
            mutate(value, mutation);
        }
    }
    tree
}

fn mutate(value: &mut Tree, mutation: Mutation) {
    match (mutation, value) {
        (Mutation::Replace(with), value) => *value = with,
        (Mutation::Insert(_, value), Tree::Array(elements)) => elements.push(value),
        (Mutation::Insert(name, value), Tree::Object(members)) => members.push((name, value)),
        (mutation, Tree::Array(elements)) if !elements.is_empty() => {
            if let Mutation::Swap(first, second) = mutation {
                let (first, second) = (first.index(elements.len()), second.index(elements.len()));
                elements.swap(first, second);
            } else {
                remove_or_repeat(elements, &mutation);
            }
        }
        (mutation, Tree::Object(members)) if !members.is_empty() => match mutation {
            Mutation::Rename(position, name) => position.get_mut(members).0 = name,
            Mutation::Swap(first, second) => {
                let value = first.get(members).1.clone();
                let value = std::mem::replace(&mut second.get_mut(members).1, value);
                first.get_mut(members).1 = value;
            }
            mutation => remove_or_repeat(members, &mutation),
        },
        _ => {}
    }
}

fn remove_or_repeat<T: Clone>(parts: &mut Vec<T>, mutation: &Mutation) {
    match mutation {
        Mutation::Remove(position) => drop(parts.remove(position.index(parts.len()))),
        Mutation::Repeat(position) => parts.push(position.get(parts).clone()),
        _ => {}
    }
}
