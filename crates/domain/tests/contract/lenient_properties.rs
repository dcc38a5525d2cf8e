//! Tests with random JSON that unknown parts are read and serialized unchanged.

use icp_domain::{Icp, Rules};
use proptest::prelude::*;

use super::generate::{blanks, object, tree};
use super::support::{canonical, cases, patched, stored, with_provider_filters};

/// Replaces a fragment of `FULL` by `before` and a tree, and checks that the tree is serialized unchanged except for
/// blanks.
fn assert_preserved(
    from: &str,
    before: &str,
    tree: &super::generate::Tree,
    blanks: &[&str],
) -> Result<(), TestCaseError> {
    let spaced = tree.spaced(&mut blanks.iter().copied().cycle());
    let expected = patched(from, &format!("{before}{}", tree.compact()));
    prop_assert_eq!(canonical(&patched(from, &format!("{before}{spaced}"))), expected.as_str());
    prop_assert_eq!(canonical(&expected), expected.as_str(), "reading is idempotent");
    Ok(())
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn provider_filters_are_preserved(object in object(), blanks in blanks()) {
        assert_preserved(r#"{"titles":["CTO"],"size":{"min":1.0}}"#, "", &object, &blanks)?;
    }

    #[test]
    fn value_of_condition_round_trips(tree in tree(), blanks in blanks()) {
        assert_preserved(r#"["Active",1e2]"#, "", &tree, &blanks)?;
    }

    #[test]
    fn unknown_custom_filter_round_trips(tree in tree(), blanks in blanks()) {
        assert_preserved(r#"{"type":"maxPeoplePerCompany","value":2}"#, "", &tree, &blanks)?;
    }

    #[test]
    fn extra_members_are_preserved(tree in tree(), blanks in blanks()) {
        assert_preserved(r#""query":"old""#, r#""query":"old","extra":"#, &tree, &blanks)?;
        assert_preserved(r#""value":50"#, r#""value":50,"extra":"#, &tree, &blanks)?;
        let last = r#""activeUntil":"2024-12-31T23:59:59.000Z""#;
        assert_preserved(last, &format!(r#"{last},"extra":"#), &tree, &blanks)?;
    }

    #[test]
    fn every_criterion_round_trips(tree in tree()) {
        let whole = r#"{"provider":"baseProvider","type":"company","filters":{"titles":["CTO"],"size":{"min":1.0}}}"#;
        let once = canonical(&patched(whole, &tree.compact()));
        prop_assert_eq!(canonical(&once), once);
    }

    #[test]
    fn strict_and_lenient_reading_agree(object in object()) {
        let text = with_provider_filters(&object.compact());
        if let Ok(icp) = Icp::from_json(&text, Rules::Strict) {
            prop_assert_eq!(&icp, &stored(&text));
            prop_assert_eq!(icp.to_json(), text);
        }
    }
}
