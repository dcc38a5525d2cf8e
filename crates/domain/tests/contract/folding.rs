//! Case folding of names.

use icp_domain::fold_name;
use proptest::prelude::*;
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::support::cases;

/// Characters that are equal by simple case folding, according to the crate `regex-syntax`.
fn equal_to(character: char) -> impl Iterator<Item = char> {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(character, character)]);
    class.case_fold_simple();
    class.ranges().to_vec().into_iter().flat_map(|range| range.start()..=range.end())
}

fn fold(character: char) -> char {
    let folded = fold_name(&character.to_string());
    let mut characters = folded.chars();
    let first = characters.next().unwrap();
    assert_eq!(characters.next(), None, "{character} folds to one character");
    first
}

#[test]
fn every_character_folds_by_unicode_rules() {
    for character in '\0'..=char::MAX {
        let folded = fold(character);
        assert!(equal_to(character).any(|equal| equal == folded), "{character} folds to {folded}");
        assert!(
            equal_to(character).all(|equal| fold(equal) == folded),
            "all characters that equal {character} fold to {folded}"
        );
    }
}

#[test]
fn folding_ignores_context() {
    for (name, folded) in [
        ("ΟΔΟΣ", "οδοσ"),
        ("ΟΔΟΣΗΜΑ", "οδοσημα"),
        ("ὀδός", "ὀδόσ"),
        ("Straße STRASSE ẞ", "straße strasse ß"),
        ("İstanbul ISPARTA ılıca", "İstanbul isparta ılıca"),
        ("\u{212a}elvin \u{17f}", "kelvin s"),
        ("ﬁ ŉ ǅ", "ﬁ ŉ ǆ"),
        ("\u{ab70}\u{13a0}", "\u{13a0}\u{13a0}"),
    ] {
        assert_eq!(fold_name(name), folded);
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn folding_keeps_substrings(before in ".{0,8}", part in ".{0,8}", after in ".{0,8}") {
        let name = format!("{before}{part}{after}");
        prop_assert!(fold_name(&name).contains(&fold_name(&part)));
        prop_assert_eq!(fold_name(&fold_name(&name)), fold_name(&name));
    }
}
