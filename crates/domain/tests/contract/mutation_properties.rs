//! Tests with almost valid documents. If stricter [`Rules`] accept a text, more lenient rules read the same ICP from
//! it. Violations point into the document. No text causes a panic.

use icp_domain::json::Json;
use icp_domain::{Icp, IcpDocument, MaybeKnown, Rules};
use proptest::prelude::*;
use proptest::sample::Index;

use super::generate::{Tree, mutated, mutations};
use super::support::{FULL, cases, resolve};

fn full() -> Tree {
    Tree::of(Json::parse(FULL).unwrap())
}

/// Returns true if the pointer refers to a value in the text, or to a missing field of a value in the text.
fn points_into(text: &str, pointer: &str, code: &str) -> bool {
    let Ok(json) = Json::parse(text) else { return pointer.is_empty() };
    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    let position = if code == "required" { parent } else { pointer };
    !resolve(json, position).is_empty()
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn reading_is_idempotent(mutations in mutations()) {
        let text = mutated(full(), mutations).compact();
        if let Ok(icp) = Icp::from_json(&text, Rules::Stored) {
            let once = icp.to_json();
            let again = Icp::from_json(&once, Rules::Stored).unwrap();
            prop_assert_eq!(&again.to_json(), &once);
            prop_assert_eq!(&again, &icp);
            prop_assert_eq!(&serde_json::from_str::<Icp>(&text).unwrap(), &icp, "with serde");
            prop_assert_eq!(IcpDocument::from(icp.clone()).to_icp().unwrap(), icp);
        } else {
            prop_assert!(serde_json::from_str::<Icp>(&text).is_err());
        }
    }

    #[test]
    fn strict_and_lenient_reading_agree_on_valid_text(mutations in mutations()) {
        let text = mutated(full(), mutations).compact();
        let [strict, storable, stored] = [Rules::Strict, Rules::Storable, Rules::Stored].map(|rules| Icp::from_json(&text, rules));
        if let Ok(strict) = strict {
            prop_assert_eq!(Ok(&strict), storable.as_ref());
            prop_assert!(strict.unknown_fields.is_empty());
            prop_assert!(strict.custom_filter_criteria.iter().all(|part| matches!(part, MaybeKnown::Known(_))));
            prop_assert!(strict.lead_provider_criteria.iter().all(|part| matches!(part, MaybeKnown::Known(_))));
            prop_assert_eq!(strict.validate(), Ok(()), "an ICP that the strict rules accept is valid");
        }
        if let Ok(storable) = storable {
            prop_assert_eq!(Ok(storable), stored);
        }
    }

    #[test]
    fn every_violation_points_into_document(mutations in mutations()) {
        let text = mutated(full(), mutations).compact();
        if let Err(violations) = Icp::from_json(&text, Rules::Strict) {
            prop_assert!(!violations.all().is_empty());
            for violation in violations.all() {
                let (pointer, code) = (violation.pointer.as_str(), violation.code.as_str());
                prop_assert!(points_into(&text, pointer, code), "{} {} of {}", pointer, code, text);
            }
        }
    }

    #[test]
    fn mutated_text_causes_no_panic(at in any::<Index>(), length in 0_usize..9, piece in "[\\]\\[{}\",:\\\\0-9a-z\u{0}-\u{20}é😀]{0,4}") {
        let start = at.index(FULL.len());
        let end = (start + length).min(FULL.len());
        let text = format!("{}{piece}{}", &FULL[..start], &FULL[end..]);
        for rules in [Rules::Strict, Rules::Storable, Rules::Stored] {
            let _ = Icp::from_json(&text, rules);
        }
    }

    #[test]
    fn arbitrary_text_causes_no_panic(text in any::<String>()) {
        for rules in [Rules::Strict, Rules::Storable, Rules::Stored] {
            let refused = Icp::from_json(&text, rules).is_err();
            prop_assert!(refused);
        }
    }
}
