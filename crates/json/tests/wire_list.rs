//! Tests `WireList`: a list of JSON texts becomes one JSON array.

use icp_json::{WireList, WireListBuilder};
use proptest::prelude::*;
use proptest::test_runner::Config;

#[test]
fn empty_list_is_an_empty_array() {
    let empty = WireList::default();
    assert_eq!((empty.is_empty(), empty.len()), (true, 0));
    assert_eq!((empty.to_json(), empty.bytes()), ("[]".to_owned(), 2));
    assert_eq!(empty, WireListBuilder::default().finish());
    assert_eq!(empty.into_elements().len(), 0);
}

proptest! {
    #![proptest_config(Config { cases: 128, failure_persistence: None, ..Config::default() })]

    #[test]
    fn list_is_the_array_of_its_texts(
        texts in prop::collection::vec("\\{\"a\":[0-9]{1,3}\\}", 0..6),
        // `WireList` stores a long text in pieces of 60 KiB. Many repetitions fill several pieces.
        repetitions in 1_usize..30_000,
    ) {
        let texts: Vec<&String> = texts.iter().collect::<Vec<_>>().repeat(repetitions);
        let list: WireList = texts.iter().collect();
        let joined = texts.iter().map(|text| text.as_str()).collect::<Vec<_>>().join(",");
        prop_assert_eq!((list.len(), list.bytes()), (texts.len(), joined.len() + 2));
        prop_assert_eq!(list.is_empty(), texts.is_empty());
        prop_assert_eq!(list.to_json(), format!("[{joined}]"));
        prop_assert_eq!(list.clone().into_pieces().concat(), format!("[{joined}]").into_bytes());
        prop_assert_eq!(list.into_elements().concat(), joined.into_bytes());
    }
}
