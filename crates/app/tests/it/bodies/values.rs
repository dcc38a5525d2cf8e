//! Generates values and names that are difficult for parsers.

use icp_testkit::generate::proptest::prelude::*;
use icp_testkit::generate::proptest::sample::{Index, select};
use icp_testkit::generate::{self, Tree};

/// Values of all types, values near the limits, values that are valid only in other fields, and invalid JSON.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    r#"[""]"#,
    r#"["user_ada","user_ada"]"#,
    r#"["user_ada","user_\u0061da"]"#,
    r#"{"":{}}"#,
    "0",
    "-0",
    "-0.0",
    "1",
    "1.0",
    "10.0",
    "1e1",
    "100e-1",
    "1.5",
    "-1",
    "100",
    "101",
    "10000",
    "10001",
    "2147483647",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "1e400",
    "-1E+400",
    "1e-400",
    "1e99999999999999999999",
    "0e99999999999999999999",
    r#""""#,
    r#"" ""#,
    r#""10""#,
    r#""null""#,
    r#""person""#,
    r#""company""#,
    r#""Person""#,
    r#""baseProvider""#,
    r#""bullhorn""#,
    r#""website""#,
    r#""maxPercentFromCRM""#,
    r#""user_abc123""#,
    r#""user ada""#,
    r#""-x""#,
    r#""550e8400-e29b-41d4-a716-446655440000""#,
    r#""2024-02-29T23:59:60+14:00""#,
    r#""2030-12-31T23:59:59.9999999-05:00""#,
    r#""0000-01-01T00:00:00+23:59""#,
    r#""2024-01-15""#,
    r#""(""#,
    r#""(?<a>[^\\]]*)\\k<a>{2,}?""#,
    r#""\u0000""#,
    r#""user_\u0000""#,
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    r#""\ud83d\ude00""#,
    r#""\u2028\u2029""#,
    "\"\u{2028}\u{2029}\u{feff}\"",
    "\"😀👩‍👩‍👧‍👦🇦🇶\"",
    "\"שָׁלוֹם e\u{301}\"",
    r#""'; DROP TABLE icps; --""#,
    r#""%s%n\\u0000""#,
    // Invalid JSON.
    "",
    "NaN",
    "+1",
    "01",
    ".5",
    "'a'",
    "undefined",
    "\"\u{1}\"",
    r#""\x""#,
    r#""\ud8""#,
    "[,]",
    "{,}",
    "[1,]",
    r#"{"a":1,}"#,
    "{1:2}",
    "1//",
];

/// Field names of the contract, which may be in a wrong position or spelling, and names that have a meaning in some
/// programming languages or libraries.
const NAMES: &[&str] = &[
    "id",
    "createdAt",
    "updatedAt",
    "name",
    "Name",
    r"n\u0061me",
    "userIds",
    "user_ids",
    "leadsPerList",
    "activeUntil",
    "customFilterCriteria",
    "crmFilters",
    "type",
    "prompt",
    "exclude",
    "__proto__",
    "constructor",
    "$ref",
    "$serde_json::private::RawValue",
    "$serde_json::private::Number",
];

/// Lengths at and near limits for texts.
const TEXT_LENGTHS: &[usize] = &[254, 255, 256, 1_000, 1_001, 10_000, 10_001, 20_000, 20_001];

/// Generates a replacement for any value.
pub(crate) fn value() -> impl Strategy<Value = Tree> {
    prop_oneof![
        40 => select(VALUES).prop_map(scalar),
        15 => generate::string().prop_map(Tree::Scalar),
        15 => generate::tree(),
        4 => long_text(TEXT_LENGTHS),
        4 => nested(),
        1 => digits(),
    ]
}

/// Generates a name of a field.
pub(crate) fn name() -> impl Strategy<Value = String> {
    prop_oneof![select(NAMES).prop_map(|name| format!("\"{name}\"")), generate::name()]
}

/// A replacement for a scalar. A string replaces a string, and a number replaces a number, so that many bodies stay
/// valid.
#[derive(Clone, Debug)]
pub(crate) struct Replacement {
    position: Index,
    string: String,
    number: &'static str,
}

pub(crate) fn replacements() -> impl Strategy<Value = Vec<Replacement>> {
    let numbers =
        ["-0", "1.0", "10.0", "1e1", "0.5e1", "100e-2", "99", "1e400", "1.5", "101", "9007199254740993"];
    let long = long_text(TEXT_LENGTHS).prop_map(|text| text.compact());
    let strings = VALUES.iter().copied().filter(|value| value.starts_with('"')).collect::<Vec<_>>();
    let string = prop_oneof![
        3 => select(strings).prop_map(str::to_owned),
        5 => generate::string(),
        1 => long,
    ];
    let replacement = (any::<Index>(), string, select(numbers.to_vec()));
    prop::collection::vec(
        replacement.prop_map(|(position, string, number)| Replacement { position, string, number }),
        1..4,
    )
}

/// Applies the replacements to strings and numbers of the tree.
pub(crate) fn with_replacements(mut tree: Tree, replacements: Vec<Replacement>) -> Tree {
    for Replacement { position, string, number } in replacements {
        let mut scalars = Vec::new();
        collect_scalars(&mut tree, &mut scalars);
        if let Some(scalar) = (!scalars.is_empty()).then(|| position.get_mut(&mut scalars)) {
            match scalar.as_bytes().first() {
                Some(b'"') => **scalar = string,
                Some(b'-' | b'0'..=b'9') => number.clone_into(scalar),
                _ => {}
            }
        }
    }
    tree
}

fn collect_scalars<'t>(tree: &'t mut Tree, scalars: &mut Vec<&'t mut String>) {
    match tree {
        Tree::Scalar(text) => scalars.push(text),
        Tree::Array(elements) => elements.iter_mut().for_each(|element| collect_scalars(element, scalars)),
        Tree::Object(fields) => fields.iter_mut().for_each(|(_, value)| collect_scalars(value, scalars)),
    }
}

fn scalar(text: &str) -> Tree {
    Tree::Scalar(text.to_owned())
}

/// Generates a string that repeats one character, which has one, two or four bytes or is an escape.
pub(crate) fn long_text(lengths: &'static [usize]) -> impl Strategy<Value = Tree> {
    let characters = select(vec!["x", "é", "😀", r"\u00e9", r"\n"]);
    (characters, select(lengths))
        .prop_map(|(character, length)| Tree::Scalar(format!("\"{}\"", character.repeat(length))))
}

/// Generates nested arrays or objects. Their depth is 1, near the limit, or above the limit.
fn nested() -> impl Strategy<Value = Tree> {
    let depth = prop_oneof![4 => 56..=66_usize, 1 => select(vec![1_usize, 127, 129, 1_000, 20_000])];
    (depth, any::<bool>()).prop_map(|(depth, is_array)| {
        let (open, close) = if is_array { ("[", "]") } else { (r#"{"a":"#, "}") };
        let inner = if is_array { "" } else { "{}" };
        Tree::Scalar(format!("{}{inner}{}", open.repeat(depth), close.repeat(depth)))
    })
}

/// Generates a number of up to about 4,000 digits.
fn digits() -> impl Strategy<Value = Tree> {
    let number = |count: usize, form| match form {
        0 => format!("1{}", "0".repeat(count)),
        1 => format!("0.{}1", "0".repeat(count)),
        _ => format!("{}.{}e-{count}", "9".repeat(count), "9".repeat(count)),
    };
    (1..2_000_usize, 0..3).prop_map(move |(count, form)| Tree::Scalar(number(count, form)))
}
