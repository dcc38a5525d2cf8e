//! The ICPs of a list and their order.

use icp_domain::{Caller, IcpDocument};
use icp_ports::ListQuery;
use serde_json::json;

use super::support::{TestRepository, all_icps_query, concurrently, json_array};
use crate::fixtures::{document, icp, user};

pub(super) async fn unknown_user_has_empty_list(repository: TestRepository) {
    repository.insert_all([icp(1).document()]).await;
    // A user ID can contain U+0000, which some storages do not accept in a text.
    for name in ["user_without_icps", "user_ada\0", "\0", "user\u{10ffff}"] {
        assert_eq!(repository.list_json(name).await, "[]", "{name:?}");
        assert_eq!(repository.read_part(&all_icps_query(name)).await.icps.to_json(), "[]", "{name:?}");
    }
}

pub(super) async fn contains_exactly_icps_with_user_id(repository: TestRepository) {
    let of_ada = icp(1).users(["user_ada"]).document();
    let of_bob = icp(2).users(["user_bob"]).document();
    let of_both = icp(3).users(["user_bob", "user_ada"]).document();
    repository.insert_all([of_ada.clone(), of_bob.clone(), of_both.clone()]).await;
    assert_eq!(repository.list_json("user_ada").await, json_array([&of_ada, &of_both]));
    assert_eq!(repository.list_json("user_bob").await, json_array([&of_bob, &of_both]));
}

pub(super) async fn agrees_with_access_rule(repository: TestRepository) {
    // Each subset of eight users is the `userIds` of one ICP.
    let users: Vec<_> = (0..8).map(|number| format!("user_{number}")).collect();
    let all: Vec<IcpDocument> = (0_u32..256)
        .map(|subset| {
            let members = users.iter().enumerate().filter(|(bit, _)| subset & (1 << bit) != 0);
            let members: Vec<_> = members.map(|(_, user)| user.clone()).collect();
            icp(subset.into()).with("userIds", members).document()
        })
        .collect();
    repository.insert_all(all.clone()).await;
    for name in &users {
        for caller in [Caller::user(user(name)), Caller::admin(user(name))] {
            let scope = caller.list_scope();
            let expected = all.iter().filter(|document| scope.includes(document.user_ids()));
            let listed = repository.read_list(&ListQuery::everything(scope.clone())).await;
            assert_eq!(listed.icps.to_json(), json_array(expected), "the list of {caller:?}");
        }
    }
}

pub(super) async fn is_ordered_by_creation_then_id(repository: TestRepository) {
    let early = icp(9).created_at("2024-01-01T00:00:00.000Z").document();
    let late_low = icp(2).created_at("2024-01-01T00:00:00.001Z").document();
    let late_high = icp(u128::MAX).created_at("2024-01-01T00:00:00.001Z").document();
    repository.insert_all([late_high.clone(), early.clone(), late_low.clone()]).await;
    assert_eq!(repository.list_json("user_ada").await, json_array([&early, &late_low, &late_high]));
}

pub(super) async fn orders_earliest_and_latest_times(repository: TestRepository) {
    let first = icp(3).created_at("0000-01-01T00:00:00.000Z").document();
    let before_1970 = icp(2).created_at("1969-12-31T23:59:59.999Z").document();
    let last = icp(1).created_at("9999-12-31T23:59:59.999Z").document();
    repository.insert_all([last.clone(), before_1970.clone(), first.clone()]).await;
    assert_eq!(repository.list_json("user_ada").await, json_array([&first, &before_1970, &last]));
}

pub(super) async fn contains_expired_icps(repository: TestRepository) {
    let expired = icp(1).with("activeUntil", "2001-01-01T00:00:00.000Z").document();
    repository.insert_all([expired.clone()]).await;
    assert_eq!(repository.list_json("user_ada").await, json_array([&expired]));
}

pub(super) async fn returns_stored_text(repository: TestRepository) {
    let text = r#"{"id":"00000000-0000-0000-0000-000000000001","name":"Ä 🦀 שלום é \u2028 \\ \" '","description":null,
        "createdAt":"2024-01-15T10:30:00Z","updatedAt":"2024-01-15T10:30:00Z","userIds":["user_ada"],
        "leadProviderCriteria":[{"provider":"baseProvider","filters":{
            "z":1,"a":[1.0,1e2,-0.0,12345678901234567890,1E400],"z":2,"e":"\u00e9\ud83e\udd80"}}]}"#;
    let stored = document(text);
    let numbers = r#"{"z":1,"a":[1.0,1e2,-0.0,12345678901234567890,1E400],"z":2"#;
    assert!(stored.json().contains(numbers), "the document must have the original notation of numbers");
    repository.insert_all([stored.clone()]).await;
    assert_eq!(repository.list_json("user_ada").await, json_array([&stored]));
}

pub(super) async fn keeps_unknown_fields(repository: TestRepository) {
    let unknown = icp(1)
        .with(
            "leadProviderCriteria",
            json!([{"provider": "newProvider", "type": "planet", "filters": {}, "x": 1}, 7]),
        )
        .with("customFilterCriteria", json!([{"type": "ofNextYear", "value": [null]}, "text"]))
        .with("crmFilters", json!({"provider": "otherCrm", "rules": []}))
        .with("colour", "red")
        .document();
    repository.insert_all([unknown.clone()]).await;
    assert_eq!(repository.list_json("user_ada").await, json_array([&unknown]));
}

pub(super) async fn compares_user_ids_byte_by_byte(repository: TestRepository) {
    let long = "x".repeat(icp_domain::limits::USER_ID_BYTES);
    let ids = [
        "user",
        "User",
        "user ",
        " user",
        "üser",
        "u\u{308}ser",
        "🦀",
        "שלום",
        "us%r",
        "us_r",
        "user\n",
        &long,
    ];
    let documents: Vec<_> =
        ids.iter().zip(1..).map(|(user, number)| icp(number).users([user]).document()).collect();
    repository.insert_all(documents.clone()).await;
    for (user, document) in ids.iter().zip(&documents) {
        assert_eq!(repository.list_json(user).await, json_array([document]), "the list of {user:?}");
    }
}

pub(super) async fn contains_icp_once_despite_repeated_user_id(repository: TestRepository) {
    let repeated = icp(1).users(["user_ada", "user_ada"]).document();
    assert!(
        repeated.json().contains(r#"["user_ada","user_ada"]"#),
        "the document must contain the repeated user ID"
    );
    repository.insert_all([repeated.clone()]).await;
    assert_eq!(repository.list_json("user_ada").await, json_array([&repeated]));
}

pub(super) async fn icp_without_user_ids_is_in_no_list(repository: TestRepository) {
    repository.insert_all([icp(1).users([]).document()]).await;
    assert_eq!(repository.list_json("user_ada").await, "[]");
    assert!(repository.find(1).await.is_some(), "the ICP must be stored");
}

pub(super) async fn accepts_user_ids_that_look_like_sql(repository: TestRepository) {
    let document = icp(1).document();
    repository.insert_all([document.clone()]).await;
    for user in ["' OR '1'='1", "user_ada'--", "\"; DROP TABLE icps; --", "$1", "?", "\\", "{user_ada}"] {
        assert_eq!(repository.list_json(user).await, "[]", "the list of {user:?}");
    }
    assert_eq!(repository.list_json("user_ada").await, json_array([&document]));
}

pub(super) async fn contains_two_thousand_icps(repository: TestRepository) {
    let documents: Vec<_> = (1..=2_000).map(|number| icp(number).document()).collect();
    repository.insert_all(documents.clone()).await;
    assert_eq!(repository.list_json("user_ada").await, json_array(&documents));
}

pub(super) async fn is_complete_at_every_length(repository: TestRepository) {
    // Adapters use different statements for short and for long lists, for example up to 64 ICPs and from 65 ICPs on.
    let mut stored = 0;
    for length in [0, 1, 63, 64, 65, 66, 130] {
        repository.insert_all((stored + 1..=length).map(|number| icp(number).document())).await;
        stored = length;
        let documents: Vec<_> = (1..=length).map(|number| icp(number).document()).collect();
        assert_eq!(repository.list_json("user_ada").await, json_array(&documents), "{length} ICPs");
    }
}

pub(super) async fn concurrent_lists_belong_to_their_users(repository: TestRepository) {
    let document = |number: u32| icp(number.into()).with("userIds", [format!("user_{}", number % 7)]);
    let documents: Vec<_> = (0..49).map(|number| document(number).document()).collect();
    repository.insert_all(documents.clone()).await;
    // The user with the number 7 has no ICPs.
    let lists = concurrently(300, |task| {
        let repository = repository.clone();
        async move { repository.list_json(&format!("user_{}", task % 8)).await }
    });
    for (list, task) in lists.await.into_iter().zip(0_usize..) {
        let own = documents.iter().enumerate().filter(|(number, _)| number % 7 == task % 8);
        assert_eq!(list, json_array(own.map(|(_, document)| document)), "the list of user_{}", task % 8);
    }
}
