//! The documents that a repository stores.

use std::collections::BTreeSet;

use icp_domain::{IcpDocument, UserId};
use proptest::prelude::*;

use super::support::{FULL, cases, stored};

#[test]
fn document_values_match_its_icp() {
    let icp = stored(FULL);
    let document = IcpDocument::from(icp.clone());
    assert_eq!(document.json(), FULL);
    assert_eq!(document.id(), icp.id);
    assert_eq!((document.name(), document.folded_name()), ("Full", "full"));
    assert_eq!(document.created_at(), icp.created_at);
    assert_eq!(document.updated_at(), icp.updated_at);
    assert_eq!(document.active_until(), icp.active_until);
    assert_eq!(document.to_icp().unwrap(), icp);
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn user_ids_of_document_are_sorted_and_unique(
        users in prop::collection::vec("[a-cé]{1,2}", 0..12),
    ) {
        let users: Vec<UserId> = users.into_iter().map(|user| user.try_into().unwrap()).collect();
        let mut icp = stored(FULL);
        icp.user_ids.clone_from(&users);
        let document = IcpDocument::from(icp);
        let expected: Vec<UserId> = users.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        prop_assert_eq!(document.user_ids(), expected);
        prop_assert_eq!(document.to_icp().unwrap().user_ids, users, "the text has the users in their original order");
    }
}
