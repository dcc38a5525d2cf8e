//! Restores of earlier states and of deleted ICPs.

use serde_json::json;

use super::{icp_text, property_of_each};
use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{Response, Service, Setup};

on_both_databases!(restore_changes_all_fields_except_users);
async fn restore_changes_all_fields_except_users(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_ada", "user_bob"], "leadsPerList": 7});
    let created = ada.create(body).await;
    let path = created.icp_path();
    ada.patch(&path, json!({"name": "other", "leadsPerList": 8, "userIds": ["user_ada"]})).await.assert_ok();
    let restored = ada.restore(&path, &created.version()).await.assert_ok();
    let mut expected = created.json();
    expected["userIds"] = json!(["user_ada"]);
    expected["updatedAt"] = restored.json()["updatedAt"].clone();
    assert_eq!(restored.json(), expected);
    assert_eq!(ada.get(&path).await.assert_ok().body, restored.body);
    bob.get(&path).await.assert_problem(403, "FORBIDDEN");
    assert_eq!(bob.list().await, "[]");
    let revisions = ada.revisions(&path).await;
    assert_eq!(property_of_each(&revisions, "operation"), ["restore", "update", "create"]);
    assert_eq!(revisions[0]["changed"], json!(["leadsPerList", "name"]));
    let repeated = ada.restore(&path, &created.version()).await.assert_ok();
    assert_eq!(
        (&repeated.body, repeated.etag()),
        (&restored.body, restored.etag()),
        "a second restore must change nothing"
    );
}

on_both_databases!(undelete_restores_last_users);
async fn undelete_restores_last_users(service: &Service) {
    let [ada, bob, cy] = ["user_ada", "user_bob", "user_cy"].map(|id| service.user(id));
    let body = json!({"name": "first", "leadProviderCriteria": [], "userIds": ["user_ada", "user_cy"]});
    let created = ada.create(body).await;
    let path = created.icp_path();
    let last =
        ada.patch(&path, json!({"name": "last", "userIds": ["user_ada", "user_bob"]})).await.assert_ok();
    assert_eq!(ada.delete(&path).await.status, 204);
    cy.restore(&path, &created.version()).await.assert_problem(403, "FORBIDDEN");
    let restored = bob.restore(&path, &created.version()).await.assert_ok();
    let mut expected = created.json();
    expected["userIds"] = json!(["user_ada", "user_bob"]);
    expected["updatedAt"] = restored.json()["updatedAt"].clone();
    assert_eq!(restored.json(), expected);
    assert!(restored.json()["updatedAt"].as_str() > last.json()["updatedAt"].as_str());
    for user in [&ada, &bob] {
        assert_eq!(user.list().await, format!("[{}]", restored.body));
        assert!(user.deleted().await.is_empty());
    }
    cy.get(&path).await.assert_problem(403, "FORBIDDEN");
    let revisions = ada.revisions(&path).await;
    assert_eq!(property_of_each(&revisions, "operation"), ["restore", "delete", "update", "create"]);
    assert_eq!(revisions[0]["revision"], restored.version());
    let delete = revisions[1]["revision"].as_str().expect("the revision must be a string");
    assert_eq!(icp_text(&ada.revision(&path, delete).await.assert_ok()), last.body);
    // A delete is also a revision that can be restored.
    let undone = ada.restore(&path, delete).await.assert_ok();
    assert_eq!(undone.json()["name"], "last");
}

on_both_databases!(conditions_of_restore_apply_to_current_state);
async fn conditions_of_restore_apply_to_current_state(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    let renamed = ada.patch(&path, json!({"name": "other"})).await.assert_ok();
    let body = json!({"revision": created.version()});
    let stale = Response::fetch(ada.restore_request(&path, &body).header("if-match", created.etag())).await;
    stale.assert_problem(412, "PRECONDITION_FAILED");
    let current = Response::fetch(ada.restore_request(&path, &body).header("if-match", renamed.etag()))
        .await
        .assert_ok();
    ada.delete(&path).await;
    let after_delete =
        Response::fetch(ada.restore_request(&path, &body).header("if-match", current.etag())).await;
    after_delete.assert_problem(412, "PRECONDITION_FAILED");
    Response::fetch(ada.restore_request(&path, &body).header("if-none-match", "*")).await.assert_ok();
}

on_both_databases!(invalid_restore_bodies_are_refused);
async fn invalid_restore_bodies_are_refused(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    for (body, violation) in [
        ("{}", "/revision required"),
        (r#"{"revision":1}"#, "/revision invalid_type"),
        (r#"{"revision":null}"#, "/revision invalid_type"),
        (r#"{"revision":"x"}"#, "/revision invalid_value"),
        (r#"{"revision":"1","userIds":[]}"#, "/userIds unknown_field"),
        ("[]", " invalid_type"),
        ("{", " malformed"),
        ("", " malformed"),
    ] {
        assert_eq!(
            Response::fetch(ada.restore_request(&path, body)).await.violations(),
            [violation],
            "{body}"
        );
    }
    ada.restore(&path, "1").await.assert_problem(404, "NOT_FOUND");
    let plain = ada.restore_request(&path, "{}").header("content-type", "text/plain");
    Response::fetch(plain).await.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(ada.revisions(&path).await.len(), 1, "the refused requests must not create revisions");
}

fn with_quota_of_one(setup: Setup) -> Setup {
    setup.with("ICP__LIMITS__ICPS_PER_CREATOR", "1")
}

on_both_databases!(restored_icp_counts_for_quota_of_creator, with with_quota_of_one);
async fn restored_icp_counts_for_quota_of_creator(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_ada", "user_bob"]});
    let created = ada.create(body).await;
    let path = created.icp_path();
    bob.delete(&path).await;
    ada.post(MINIMAL_BODY).await.assert_problem(403, "FORBIDDEN");
    bob.create(MINIMAL_BODY).await;
    bob.restore(&path, &created.version()).await.assert_ok();
    ada.post(MINIMAL_BODY).await.assert_problem(403, "FORBIDDEN");
}
