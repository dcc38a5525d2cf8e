//! Tests that the scanner agrees with `serde_json`.

use icp_json::{Json, JsonText, Kind};
use icp_testkit::generate::{Tree, blanks, object, tree};
use proptest::prelude::*;
use serde_json::Value;

use super::cases;

/// Returns true if the text and the value agree at every level.
fn agrees(json: Json<'_>, value: &Value) -> bool {
    match value {
        Value::Null => json.kind() == Kind::Null,
        Value::Bool(boolean) => json.boolean() == Some(*boolean),
        Value::Number(number) => {
            json.number() == number.as_f64()
                && number.as_i64().is_none_or(|integer| json.integer() == Ok(integer))
        }
        Value::String(text) => json.string().as_deref() == Some(text),
        Value::Array(values) => {
            let elements: Vec<_> = json.elements().collect();
            elements.len() == values.len()
                && elements.into_iter().zip(values).all(|(element, value)| agrees(element, value))
        }
        Value::Object(values) => {
            let members: Vec<_> = json.members().collect();
            members.len() == values.len()
                && members
                    .iter()
                    .all(|member| values.get(&*member.name).is_some_and(|value| agrees(member.value, value)))
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn properties_and_elements_match_serde_json(value in value()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert!(agrees(Json::parse(&text).unwrap(), &value), "{}", text);
        }
    }

    #[test]
    fn compact_text_equals_serde_json_output(value in value()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let parsed: JsonText = pretty.parse().unwrap();
        prop_assert_eq!(parsed.as_str(), value.to_string());
        prop_assert_eq!(&JsonText::from(&value), &parsed);
        prop_assert_eq!(serde_json::from_str::<JsonText>(&pretty).unwrap(), parsed);
    }

    #[test]
    fn compact_text_keeps_every_token(tree in tree(), blanks in blanks()) {
        let spaced = tree.spaced(&mut blanks.iter().copied().cycle());
        let text: JsonText = spaced.parse().unwrap();
        prop_assert_eq!(text.as_str(), tree.compact());
        prop_assert_eq!(serde_json::to_string(&text).unwrap(), tree.compact());
        prop_assert_eq!(text.as_json().to_owned(), text);
    }

    #[test]
    fn duplicate_names_are_seen_in_order(tree in object(), blanks in blanks()) {
        let Tree::Object(expected) = &tree else { unreachable!() };
        let spaced = tree.spaced(&mut blanks.iter().copied().cycle());
        let members: Vec<_> = Json::parse(&spaced).unwrap().members().collect();
        prop_assert_eq!(members.len(), expected.len());
        for (member, (name, value)) in members.iter().zip(expected) {
            let decoded = serde_json::from_str::<String>(name);
            prop_assert_eq!(member.name_is_unicode, decoded.is_ok());
            prop_assert_eq!(&*member.name, &decoded.unwrap_or_else(|_| name.clone()));
            let found = member.value.to_owned();
            prop_assert_eq!(found.as_str(), value.compact());
        }
    }

    #[test]
    fn text_that_serde_json_refuses_is_refused(text in "[\\]\\[{}\",:\\\\0-9eE.+\\-a-u \n]{0,24}") {
        prop_assert_eq!(Json::parse(&text).is_ok(), serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
    }
}
