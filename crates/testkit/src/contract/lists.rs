//! What a list holds, and in which order.

use std::sync::Arc;

use icp_domain::{Caller, IcpDocument};
use serde_json::json;

use icp_ports::ListQuery;

use super::Subject;
use super::support::array;
use crate::fixtures::{document, icp, user};

pub(super) async fn an_unknown_user_has_an_empty_list(subject: Subject) {
    subject.store([icp(1).document()]).await;
    // Storages differ in what a text may hold, and an id may hold anything.
    for name in ["user_nobody", "user_ada\0", "\0", "user\u{10ffff}"] {
        assert_eq!(subject.list(name).await, "[]", "{name:?}");
        let query = ListQuery::everything(Caller::user(user(name)).list_scope());
        let list = subject.repository.list(&query).await.expect("it lists");
        let version = subject.repository.list_version(&query).await.expect("it lists");
        assert_eq!(version, list.version, "{name:?}");
    }
}

pub(super) async fn holds_the_icps_that_name_the_user_and_no_other(subject: Subject) {
    let hers = icp(1).users(["user_ada"]).document();
    let his = icp(2).users(["user_bob"]).document();
    let theirs = icp(3).users(["user_bob", "user_ada"]).document();
    subject.store([hers.clone(), his.clone(), theirs.clone()]).await;
    assert_eq!(subject.list("user_ada").await, array([&hers, &theirs]));
    assert_eq!(subject.list("user_bob").await, array([&his, &theirs]));
}

pub(super) async fn agrees_with_the_access_rule_on_many_users(subject: Subject) {
    // Every subset of eight users is the `userIds` of one ICP.
    let users: Vec<_> = (0..8).map(|number| format!("user_{number}")).collect();
    let all: Vec<IcpDocument> = (0_u32..256)
        .map(|subset| {
            let members = users.iter().enumerate().filter(|(bit, _)| subset & (1 << bit) != 0);
            let members: Vec<_> = members.map(|(_, user)| user.clone()).collect();
            icp(subset.into()).with("userIds", members).document()
        })
        .collect();
    subject.store(all.clone()).await;
    for name in &users {
        for caller in [Caller::user(user(name)), Caller::admin(user(name))] {
            let scope = caller.list_scope();
            let expected = all.iter().filter(|document| scope.includes(document.members()));
            let listed =
                subject.repository.list(&ListQuery::everything(scope.clone())).await.expect("it lists");
            assert_eq!(listed.icps.to_json(), array(expected), "the list of {caller:?}");
        }
    }
}

pub(super) async fn is_ordered_by_creation_then_id(subject: Subject) {
    let early = icp(9).created_at("2024-01-01T00:00:00.000Z").document();
    let late_low = icp(2).created_at("2024-01-01T00:00:00.001Z").document();
    let late_high = icp(u128::MAX).created_at("2024-01-01T00:00:00.001Z").document();
    subject.store([late_high.clone(), early.clone(), late_low.clone()]).await;
    assert_eq!(subject.list("user_ada").await, array([&early, &late_low, &late_high]));
}

pub(super) async fn keeps_the_order_at_the_ends_of_time(subject: Subject) {
    let first = icp(3).created_at("0000-01-01T00:00:00.000Z").document();
    let before_1970 = icp(2).created_at("1969-12-31T23:59:59.999Z").document();
    let last = icp(1).created_at("9999-12-31T23:59:59.999Z").document();
    subject.store([last.clone(), before_1970.clone(), first.clone()]).await;
    assert_eq!(subject.list("user_ada").await, array([&first, &before_1970, &last]));
}

pub(super) async fn holds_expired_icps(subject: Subject) {
    let expired = icp(1).with("activeUntil", "2001-01-01T00:00:00.000Z").document();
    subject.store([expired.clone()]).await;
    assert_eq!(subject.list("user_ada").await, array([&expired]));
}

pub(super) async fn serves_the_text_that_was_stored(subject: Subject) {
    let text = r#"{"id":"00000000-0000-0000-0000-000000000001","name":"Ä 🦀 שלום é \u2028 \\ \" '","description":null,
        "createdAt":"2024-01-15T10:30:00Z","updatedAt":"2024-01-15T10:30:00Z","userIds":["user_ada"],
        "leadProviderCriteria":[{"provider":"baseProvider","filters":{
            "z":1,"a":[1.0,1e2,-0.0,12345678901234567890,1E400],"z":2,"e":"\u00e9\ud83e\udd80"}}]}"#;
    let stored = document(text);
    assert!(
        stored.json().contains(r#"{"z":1,"a":[1.0,1e2,-0.0,12345678901234567890,1E400],"z":2"#),
        "as it was"
    );
    subject.store([stored.clone()]).await;
    assert_eq!(subject.list("user_ada").await, array([&stored]));
}

pub(super) async fn keeps_what_it_does_not_understand(subject: Subject) {
    let strange = icp(1)
        .with(
            "leadProviderCriteria",
            json!([{"provider": "newProvider", "type": "planet", "filters": {}, "x": 1}, 7]),
        )
        .with("customFilterCriteria", json!([{"type": "ofNextYear", "value": [null]}, "text"]))
        .with("crmFilters", json!({"provider": "otherCrm", "rules": []}))
        .with("colour", "red")
        .document();
    subject.store([strange.clone()]).await;
    assert_eq!(subject.list("user_ada").await, array([&strange]));
}

pub(super) async fn compares_user_ids_byte_for_byte(subject: Subject) {
    let long = "x".repeat(1_024);
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
    subject.store(documents.clone()).await;
    for (user, document) in ids.iter().zip(&documents) {
        assert_eq!(subject.list(user).await, array([document]), "the list of {user:?}");
    }
}

pub(super) async fn names_an_icp_once_that_names_the_user_twice(subject: Subject) {
    let twice = icp(1).users(["user_ada", "user_ada"]).document();
    assert!(twice.json().contains(r#"["user_ada","user_ada"]"#), "as it was");
    subject.store([twice.clone()]).await;
    assert_eq!(subject.list("user_ada").await, array([&twice]));
}

pub(super) async fn an_icp_without_users_is_in_no_list(subject: Subject) {
    subject.store([icp(1).users([]).document()]).await;
    assert_eq!(subject.list("user_ada").await, "[]");
    assert_eq!(subject.export().await.len(), 1, "and is there");
}

pub(super) async fn takes_user_ids_that_look_like_sql(subject: Subject) {
    let hers = icp(1).document();
    subject.store([hers.clone()]).await;
    for user in ["' OR '1'='1", "user_ada'--", "\"; DROP TABLE icps; --", "$1", "?", "\\", "{user_ada}"] {
        assert_eq!(subject.list(user).await, "[]", "the list of {user:?}");
    }
    assert_eq!(subject.list("user_ada").await, array([&hers]));
}

pub(super) async fn holds_thousands(subject: Subject) {
    let documents: Vec<_> = (1..=3_000).map(|number| icp(number).document()).collect();
    subject.store(documents.clone()).await;
    assert_eq!(subject.list("user_ada").await, array(&documents));
}

pub(super) async fn serves_many_at_once(subject: Subject) {
    let documents: Vec<_> =
        (0..50).map(|number| icp(number).users([format!("user_{number}").as_str()]).document()).collect();
    subject.store(documents.clone()).await;
    let subject = Arc::new(subject);
    let lists = (0..400).map(|request| {
        let subject = Arc::clone(&subject);
        tokio::spawn(async move { (request % 50, subject.list(&format!("user_{}", request % 50)).await) })
    });
    for list in lists.collect::<Vec<_>>() {
        let (number, json) = list.await.expect("it lists");
        assert_eq!(Some(json), documents.get(number).map(|document| array([document])));
    }
}
