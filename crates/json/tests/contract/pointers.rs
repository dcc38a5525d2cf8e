//! Tests of JSON Pointers: escapes, parsing and truncation.

use icp_json::Pointer;
use proptest::prelude::*;

use super::cases;

#[test]
fn pointer_escapes_names() {
    let pointer = Pointer::default().member("~1/").member("").element(0).member("é");
    assert_eq!(pointer.as_str(), "/~01~1//0/é");
    assert_eq!(pointer.to_string(), pointer.as_str());
    assert_eq!(serde_json::to_string(&pointer).unwrap(), r#""/~01~1//0/é""#);
}

#[test]
fn invalid_pointer_is_refused() {
    for text in ["a", "a/b", "/~", "/~2", "/a~/b", "#/a"] {
        assert!(text.parse::<Pointer>().is_err(), "{text}");
        assert!(serde_json::from_str::<Pointer>(&format!("{text:?}")).is_err(), "{text}");
    }
}

#[test]
fn pointer_is_truncated_to_enclosing_value() {
    let whole = Pointer::default().member("abc").member("def");
    for (max, expected) in [(8, "/abc/def"), (7, "/abc"), (4, "/abc"), (3, ""), (0, "")] {
        let mut pointer = whole.clone();
        pointer.truncate(max);
        assert_eq!(pointer.as_str(), expected, "{max}");
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn every_pointer_round_trips(names in prop::collection::vec(any::<String>(), 0..4), index in any::<usize>()) {
        let pointer = names.iter().fold(Pointer::default(), |pointer, name| pointer.member(name)).element(index);
        prop_assert_eq!(pointer.as_str().parse::<Pointer>().unwrap(), pointer.clone());
        let json = serde_json::to_string(&pointer).unwrap();
        prop_assert_eq!(serde_json::from_str::<Pointer>(&json).unwrap(), pointer);
    }
}
