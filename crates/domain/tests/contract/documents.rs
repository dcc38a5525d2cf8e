//! What a repository stores and serves.

use std::collections::BTreeSet;

use icp_domain::{IcpDocument, Timestamp, UserId, WireList, WireListBuilder};
use proptest::prelude::*;

use super::support::{FULL, cases, patched, stored};

#[test]
fn a_document_has_beside_its_text_what_the_text_says() {
    let icp = stored(FULL);
    let document = IcpDocument::from(icp.clone());
    assert_eq!(document.json(), FULL);
    assert_eq!(document.id(), icp.id);
    assert_eq!(document.name(), "Full");
    assert_eq!(document.created_at(), icp.created_at);
    assert_eq!(document.updated_at(), icp.updated_at);
    assert_eq!(document.active_until(), icp.active_until);
    assert_eq!(document.position(), (icp.created_at, icp.id));
    assert_eq!(document.to_icp().unwrap(), icp);
}

#[test]
fn the_order_of_a_list_is_oldest_first_then_by_id() {
    let at = |millis: i64, id: u128| {
        let mut icp = stored(FULL);
        icp.created_at = Timestamp::from_unix_millis(millis).unwrap();
        icp.id = uuid::Uuid::from_u128(id).into();
        IcpDocument::from(icp).position()
    };
    let sorted = [at(-5, 9), at(0, 1), at(0, 2), at(0, 1 << 100), at(7, 0)];
    assert!(sorted.is_sorted());
}

#[test]
fn a_wire_list_joins_the_texts_that_are_pushed() {
    let empty = WireList::default();
    assert!(empty.is_empty());
    assert_eq!((empty.len(), empty.to_icps().unwrap()), (0, vec![]));
    assert_eq!((empty.to_json(), empty.bytes()), ("[]".to_owned(), 2));
    assert_eq!(empty, WireListBuilder::default().finish());
    assert_eq!(empty.into_elements(), Vec::<bytes::Bytes>::new());

    let other = patched(r#""name":"Full""#, r#""name":"Other""#);
    let list: WireList = [FULL, &other].into_iter().collect();
    assert_eq!((list.len(), list.is_empty()), (2, false));
    assert_eq!(list.to_icps().unwrap(), [stored(FULL), stored(&other)]);
    assert_eq!(list.to_json(), format!("[{FULL},{other}]"));
}

#[test]
fn a_wire_list_of_something_else_has_no_typed_icps() {
    assert!(["{}"].into_iter().collect::<WireList>().to_icps().is_err());
    assert!(["{"].into_iter().collect::<WireList>().to_icps().is_err());
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn the_members_of_a_document_are_its_users_sorted_and_once_each(
        users in prop::collection::vec("[a-cé]{1,2}", 0..12),
    ) {
        let users: Vec<UserId> = users.into_iter().map(|user| user.try_into().unwrap()).collect();
        let mut icp = stored(FULL);
        icp.user_ids.clone_from(&users);
        let document = IcpDocument::from(icp);
        let expected: Vec<UserId> = users.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        prop_assert_eq!(document.members(), expected);
        prop_assert_eq!(document.to_icp().unwrap().user_ids, users, "the text keeps their stored order");
    }

    #[test]
    fn a_wire_list_is_the_array_of_its_texts(texts in prop::collection::vec("\\{\"a\":[0-9]{1,3}\\}", 0..6), times in 1_usize..30_000) {
        let texts: Vec<&String> = texts.iter().collect::<Vec<_>>().repeat(times);
        let list: WireList = texts.iter().collect();
        let elements = texts.iter().map(|text| text.as_str()).collect::<Vec<_>>().join(",");
        prop_assert_eq!((list.len(), list.bytes()), (texts.len(), elements.len() + 2));
        prop_assert_eq!(list.to_json(), format!("[{elements}]"));
        prop_assert_eq!(list.clone().into_pieces().concat(), format!("[{elements}]").into_bytes());
        prop_assert_eq!(list.into_elements().concat(), elements.into_bytes());
    }
}
