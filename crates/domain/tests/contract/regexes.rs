//! Tests that the syntax of ECMAScript is accepted in regular expressions, and that the cost of each expression is
//! bounded.

use std::time::{Duration, Instant};

use icp_domain::limits;
use proptest::prelude::*;

use super::hostile::run_on_small_stack;
use super::support::{FULL, cases, patched, strict_violations};

fn is_accepted(regex: &str) -> bool {
    let regex = serde_json::to_string(regex).unwrap();
    let found = strict_violations(&patched(r#""^(?!Test)(?<initial>[A-Z])""#, &regex));
    let expected = ("/customFilterCriteria/6/regex".to_owned(), "invalid_value");
    assert!(found.is_empty() || found.iter().all(|violation| *violation == expected), "{regex}: {found:?}");
    found.is_empty()
}

const VALID_REGEXES: &[&str] = &[
    "",
    "a",
    "^(CTO|CEO)$",
    "(?=a)b",
    "(?!a)b",
    "(?<=a)b",
    "(?<!a)b",
    r"(?<year>\d{4})-\k<year>",
    "(?<n>a)|(?<n>b)",
    "(?:a)",
    "a+?",
    "a{2}",
    "a{2,}",
    "a{2,3}?",
    r"\bx\B",
    r"[\w-]+@[^\s.]",
    r"\u00e9\x41\cA\0",
    "[^]",
    "[]",
    "é😀+",
    r"(a)\1",
    "a]",
    "}",
    r"\/",
    "(?i:a)",
    r"\d{1,3}(?:,\d{3})*",
    "(?:)",
    "(?=a)*",
    "(?!a){2}",
    r"[\b^$]+",
    r"[^\]$]*",
    r"\\b+",
    r"\^*\$+",
    r"a$|^b+",
    "^{",
    "${a}",
    r"\b{,3}",
    "^a{2}$",
];

#[test]
fn regular_expressions_of_ecmascript_are_accepted() {
    for regex in VALID_REGEXES {
        assert!(is_accepted(regex), "{regex}");
    }
}

#[test]
fn other_regular_expressions_are_refused() {
    for regex in [
        "(",
        ")",
        "[",
        "[b-a]",
        "*",
        "+a",
        "a**",
        "a++",
        "a{2,1}",
        "{1}",
        "(?<n>a)(?<n>b)",
        r"(?<n>a)\k<m>",
        "(?P<n>a)",
        "(?>a)",
        "(?#c)",
        "\\",
        "(?<a",
        "(?<1>a)",
        "(?<=a)*",
        "(?<!a)?",
        r"\b+",
        r"\B*",
        r"a\b?b",
        r"[b]\b{2}",
        "^*",
        "a|^+",
        "$?",
        "${2,}",
        "^{2,3}",
        "(?",
        "[a",
        "(?<>a)",
    ] {
        assert!(!is_accepted(regex), "{regex}");
    }
}

/// Checks that a regular expression is validated within a second, on a small stack.
fn assert_validated_quickly(regex: String) {
    run_on_small_stack(move || {
        let start = Instant::now();
        is_accepted(&regex);
        assert!(start.elapsed() < Duration::from_secs(1), "took {:?} for {regex}", start.elapsed());
    });
}

const NESTINGS: &[(&str, &str)] = &[
    ("(", ")"),
    ("(?:", ")"),
    ("(?=", ")"),
    ("(?!", ")"),
    ("(?<=", ")"),
    ("(?<!", ")"),
    ("(?:", ")*"),
    ("(", ")*?"),
    ("(?:", "){2}"),
    ("(?:", "){5}"),
    ("(", "){5}"),
    ("(?:a|", ")"),
    ("(?:", "|a)"),
    ("(?i:", ")"),
    ("(?<=", "b){5}"),
    ("(?:[a-z]b", "c){5}"),
    ("[", "]"),
    ("(", ""),
    ("", ")"),
    ("[", ""),
    ("(?<=(?:", "){5})"),
];

#[test]
fn deeply_nested_regex_is_checked_quickly() {
    for (open, close) in NESTINGS {
        for depth in [10, 100, 140, 200, 255, 256, 257, 300, 499] {
            let regex = format!("{}a{}", open.repeat(depth), close.repeat(depth));
            if regex.len() <= 1_000 {
                assert_validated_quickly(regex);
            }
        }
    }
}

const EXPENSIVE_REGEXES: &[&str] = &[
    "a{0,1000000000}",
    "a{1000000000}",
    "((a{1000}){1000}){1000}",
    "(?:(?:(?:a{5}){5}){5}){5}",
    "(?<=(a+)+)+b",
    "(?<=(?:a{1000}){1000})b",
    "(?<!(?:.*)*)*",
    "(a*)*b",
    "(?:a?){1000}a{1000}",
    "[a-z]{4294967295}{2}",
    "x{99999999999999999999}",
    "[[[[[[",
    "[^[^[^",
    "[a-[b-[c",
];

#[test]
fn expensive_regex_is_checked_quickly() {
    for regex in EXPENSIVE_REGEXES {
        assert_validated_quickly((*regex).to_owned());
        assert_validated_quickly(regex.repeat(1_000 / regex.len()));
        assert_validated_quickly(format!("({regex})").repeat(1_000 / (regex.len() + 2)));
        assert_validated_quickly(vec![*regex; 1_000 / (regex.len() + 1)].join("|"));
    }
    for piece in [
        "a|",
        "(a)",
        "(?<=a)",
        r"\1",
        r"\w\W",
        "[^a]",
        "[\u{1}-\u{10ffff}]",
        "(?i:[\u{1}-\u{10ffff}])",
        "a{5}",
        "😀",
        r"\b",
    ] {
        assert_validated_quickly(piece.repeat(1_000 / piece.chars().count()));
    }
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn generated_regex_is_checked_quickly(
        pieces in prop::collection::vec(piece(), 0..120),
    ) {
        let regex: String = pieces.concat().chars().take(1_000).collect();
        let start = Instant::now();
        is_accepted(&regex);
        prop_assert!(start.elapsed() < Duration::from_secs(1), "took more than a second for {regex}");
    }
}

const REGEX_PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "(?:",
    "(?=",
    "(?!",
    "(?<=",
    "(?<!",
    "(?<n>",
    "(?i:",
    "(?-s:",
    "|",
    "*",
    "+",
    "?",
    "*?",
    "{2}",
    "{0,}",
    "{3,5}",
    "{1000}",
    "^",
    "$",
    ".",
    "\\",
    r"\b",
    r"\d",
    r"\1",
    r"\k<n>",
    r"\u{1F600}",
    r"\u00e9",
    r"\x4",
    r"\c",
    "-",
    "a-z",
    "^",
    "é",
    "😀",
    r"\p{L}",
    "\u{10ffff}",
    "0",
    "9999999999",
    ",",
    "&&",
    "--",
];

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![8 => prop::sample::select(REGEX_PIECES.to_vec()).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)]
}

/// Returns the violations of a body with these expressions.
fn violations_of_regexes(regexes: &[String]) -> Vec<(String, &'static str)> {
    let filter = |regex: &String| {
        let regex = serde_json::to_string(regex).unwrap();
        format!(r#"{{"type":"matchFieldWithRegex","field":"firstName","regex":{regex}}}"#)
    };
    let filters = regexes.iter().map(filter).collect::<Vec<_>>().join(",");
    let others = FULL.find(r#""customFilterCriteria":["#).unwrap() + r#""customFilterCriteria":["#.len();
    let end = FULL.find(r#"],"crmFilters""#).unwrap();
    strict_violations(&format!("{}{filters}{}", &FULL[..others], &FULL[end..]))
}

#[test]
fn regexes_of_body_have_total_limit() {
    assert_eq!(violations_of_regexes(&vec!["a".repeat(limits::REGEX); limits::CUSTOM_FILTERS]), []);
    // An expression of 1,000 characters that ignores case counts as 1,000 characters plus 496 times 50.
    let cases = [
        ("(?i:", r"[\W]", 248, 3),
        ("(?smi-:", r"[\W]", 248, 3),
        ("(?i:", r"\w", 496, 3),
        ("(?ms:", r"[\W]", 248, 100),
        ("(?-i:", r"[\W]", 248, 100),
    ];
    for (modifier, class, count, accepted) in cases {
        let regex = format!("{modifier}{})", class.repeat(count));
        let found = violations_of_regexes(&vec![regex; limits::CUSTOM_FILTERS]);
        assert!(found.iter().all(|(_, code)| *code == "too_long"), "{found:?}");
        assert_eq!(limits::CUSTOM_FILTERS - found.len(), accepted, "{modifier}");
    }
}
