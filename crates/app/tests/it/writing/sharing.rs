//! Tests how requests add users to an ICP and remove them, and what these users then see.

use reqwest::Method;
use serde_json::json;

use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{Response, Service};

on_both_databases!(patch_of_users_changes_their_lists);
async fn patch_of_users_changes_their_lists(service: &Service) {
    let [ada, bob, cy] = ["user_ada", "user_bob", "user_cy"].map(|id| service.user(id));
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    for (users, are_users) in [
        (json!(["user_ada", "user_bob"]), [true, true, false]),
        (json!(["user_cy", "user_ada"]), [true, false, true]),
        (json!(["user_bob", "user_cy", "user_ada"]), [true, true, true]),
        (json!(["user_ada"]), [true, false, false]),
    ] {
        let patched = ada.patch(&path, json!({"userIds": users})).await.assert_ok();
        assert_eq!(patched.json()["userIds"], users, "the users must be in the order of the request");
        for (user, is_user) in [&ada, &bob, &cy].into_iter().zip(are_users) {
            let (list, status) =
                if is_user { (format!("[{}]", patched.body), 200) } else { ("[]".to_owned(), 403) };
            assert_eq!(user.list().await, list, "{users}");
            assert_eq!(user.get(&path).await.status, status, "{users}");
        }
    }
}

on_both_databases!(every_user_can_change_and_share);
async fn every_user_can_change_and_share(service: &Service) {
    let [ada, bob, cy] = ["user_ada", "user_bob", "user_cy"].map(|id| service.user(id));
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    bob.patch(&path, json!({"userIds": ["user_bob"]})).await.assert_problem(403, "FORBIDDEN");
    ada.patch(&path, json!({"userIds": ["user_bob"]})).await.assert_ok();
    ada.patch(&path, json!({"userIds": ["user_ada"]})).await.assert_problem(403, "FORBIDDEN");
    bob.patch(&path, json!({"name": "Bob's", "userIds": ["user_cy"]})).await.assert_ok();
    assert_eq!(cy.list_names().await, ["Bob's"]);
}

on_both_databases!(last_user_cannot_remove_all_users);
async fn last_user_cannot_remove_all_users(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_bob"]});
    let path = ada.create(body).await.icp_path();
    let patched = ada.patch(&path, json!({"userIds": ["user_bob"]})).await.assert_ok();
    assert_eq!(patched.json()["userIds"], json!(["user_bob"]), "the removed user must get the response");
    ada.get(&path).await.assert_problem(403, "FORBIDDEN");
    ada.patch(&path, "{}").await.assert_problem(403, "FORBIDDEN");
    assert_eq!(ada.list().await, "[]");
    let rejected = bob.patch(&path, json!({"userIds": []})).await;
    assert_eq!(rejected.violations(), ["/userIds invalid_value"]);
    assert_eq!(bob.list().await, format!("[{}]", patched.body));
}

on_both_databases!(put_and_delete_change_one_user);
async fn put_and_delete_change_one_user(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    bob.share(&path, "user_bob").await.assert_problem(403, "FORBIDDEN");
    let shared = ada.share(&path, "user_bob").await.assert_ok();
    assert_eq!(shared.json()["userIds"], json!(["user_ada", "user_bob"]));
    assert_ne!(shared.etag(), created.etag());
    assert_eq!(bob.list().await, format!("[{}]", shared.body));
    let repeated = bob.share(&path, "user_bob").await.assert_ok();
    assert_eq!(
        (&repeated.body, repeated.etag()),
        (&shared.body, shared.etag()),
        "the repeated request must change nothing"
    );
    let unshared = bob.unshare(&path, "user_bob").await.assert_ok();
    assert_eq!(unshared.json()["userIds"], json!(["user_ada"]));
    bob.get(&path).await.assert_problem(403, "FORBIDDEN");
    let repeated = ada.unshare(&path, "user_bob").await.assert_ok();
    assert_eq!(
        (&repeated.body, repeated.etag()),
        (&unshared.body, unshared.etag()),
        "the repeated request must change nothing"
    );
}

on_both_databases!(only_admin_removes_last_user);
async fn only_admin_removes_last_user(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    let rejected = ada.unshare(&path, "user_ada").await;
    rejected.assert_problem(403, "FORBIDDEN");
    assert!(
        rejected.json()["detail"].as_str().is_some_and(|detail| detail.contains("last user")),
        "{rejected:?}"
    );
    let admin = service.admin("user_root");
    assert_eq!(admin.unshare(&path, "user_ada").await.assert_ok().json()["userIds"], json!([]));
    assert_eq!(admin.unshare(&path, "user_ada").await.assert_ok().json()["userIds"], json!([]));
}

on_both_databases!(shared_user_id_is_validated);
async fn shared_user_id_is_validated(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    for id in ["user%20bob", "%00", "%FF", &"u".repeat(256)] {
        let rejected = ada.share(&path, id).await;
        rejected.assert_problem(400, "BAD_REQUEST");
        assert_eq!(rejected.json()["errors"][0]["parameter"], "userId", "{rejected:?}");
    }
    for (sent, stored) in [("a%2Fb", "a/b"), ("a%25b", "a%b"), ("a+b", "a+b"), ("%F0%9F%A6%80", "\u{1f980}")]
    {
        let users = ada.share(&path, sent).await.assert_ok().json()["userIds"].clone();
        assert_eq!(users, json!(["user_ada", stored]));
        assert_eq!(ada.unshare(&path, sent).await.assert_ok().json()["userIds"], json!(["user_ada"]));
    }
    let conditional = Response::fetch(
        ada.request(Method::PUT, &format!("{path}/users/user_bob")).header("if-match", "\"1\""),
    )
    .await;
    conditional.assert_problem(412, "PRECONDITION_FAILED");
    ada.share("/api/v1/entities/icps/00000000-0000-0000-0000-000000000001", "user_bob")
        .await
        .assert_problem(404, "NOT_FOUND");
}

on_both_databases!(concurrently_added_users_are_all_stored);
async fn concurrently_added_users_are_all_stored(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    let ids: Vec<_> = (0..64).map(|number| format!("user_{number}")).collect();
    let added = futures_util::future::join_all(ids.iter().map(|id| ada.share(&path, id))).await;
    for response in added {
        response.assert_ok();
    }
    let mut users: Vec<String> = serde_json::from_value(ada.get(&path).await.json()["userIds"].clone())
        .expect("the value must be an array of strings");
    users.sort_unstable();
    let mut expected = [ids, vec!["user_ada".to_owned()]].concat();
    expected.sort_unstable();
    assert_eq!(users, expected);
}

on_both_databases!(icp_without_users_is_for_admins_only);
async fn icp_without_users_is_for_admins_only(service: &Service) {
    let ada = service.user("user_ada");
    let admin = service.admin("user_root");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    let without_users = admin.patch(&path, json!({"userIds": []})).await.assert_ok();
    assert_eq!(without_users.json()["userIds"], json!([]));
    ada.get(&path).await.assert_problem(403, "FORBIDDEN");
    for user in [&ada, &admin] {
        assert_eq!(user.list().await, "[]");
    }
    assert_eq!(admin.get(&path).await.assert_ok().body, without_users.body);
    assert_eq!(admin.patch(&path, json!({"name": "kept"})).await.assert_ok().json()["userIds"], json!([]));
    admin.patch(&path, json!({"userIds": ["user_ada"]})).await.assert_ok();
    assert_eq!(ada.list_names().await, ["kept"]);
}

on_both_databases!(admin_who_changes_icp_does_not_become_user);
async fn admin_who_changes_icp_does_not_become_user(service: &Service) {
    let ada = service.user("user_ada");
    let admin = service.admin("user_root");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    let patched = admin.patch(&path, json!({"name": "checked"})).await.assert_ok();
    assert_eq!(patched.json()["userIds"], json!(["user_ada"]));
    assert_eq!(ada.list().await, format!("[{}]", patched.body));
    assert_eq!(admin.list().await, "[]");
}
