//! Copies of ICPs.

use serde_json::json;

use super::property_of_each;
use crate::support::services::on_both_databases;
use crate::support::users::{MINIMAL_BODY, User};
use crate::support::{LIST, Response, Service, Setup};

async fn copy_with_body(user: &User<'_>, path: &str, body: impl ToString) -> Response {
    let request = user.copy_request(path).header("content-type", "application/json");
    Response::fetch(request.body(body.to_string())).await
}

async fn copy_with_key(user: &User<'_>, path: &str, key: &str) -> Response {
    Response::fetch(user.copy_request(path).header("idempotency-key", key)).await
}

on_both_databases!(copy_has_caller_as_only_user);
async fn copy_has_caller_as_only_user(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_ada", "user_bob"], "leadsPerList": 7});
    let original = ada.create(body).await;
    let copy = bob.copy(&original.icp_path()).await;
    assert_eq!(copy.status, 201, "{copy:?}");
    assert_eq!(copy.header("location"), copy.icp_path());
    assert_ne!(copy.icp_path(), original.icp_path());
    let mut expected = original.json();
    for property in ["id", "createdAt", "updatedAt"] {
        expected[property] = copy.json()[property].clone();
    }
    expected["name"] = json!("SMB (copy)");
    expected["userIds"] = json!(["user_bob"]);
    assert_eq!(copy.json(), expected);
    assert_eq!(copy.json()["createdAt"], copy.json()["updatedAt"]);
    ada.get(&copy.icp_path()).await.assert_problem(403, "FORBIDDEN");
    assert_eq!(bob.get(&copy.icp_path()).await.assert_ok().body, copy.body);
    let revisions = bob.revisions(&copy.icp_path()).await;
    assert_eq!(property_of_each(&revisions, "operation"), ["create"]);
    assert_eq!(revisions[0]["by"], "user_bob");
}

on_both_databases!(copy_keeps_unknown_fields);
async fn copy_keeps_unknown_fields(service: &Service) {
    let ada = service.user("user_ada");
    let record = r#"{"id":"00000000-0000-0000-0000-000000000001","name":"Odd","description":null,"createdAt":"2024-01-15T10:30:00.000Z","updatedAt":"2024-01-15T10:30:00.000Z","leadProviderCriteria":[{"provider":"future","type":"robot","filters":{"n":1e2,"n":0.10}}],"customFilterCriteria":[{"type":"future","x":[1.0]}],"crmFilters":null,"userIds":["user_ada","user_bob"],"leadsPerList":10,"activeUntil":null,"colour":"Ä 🦀"}"#;
    service.import(record, &[]);
    let copy = ada.copy(&format!("{LIST}/00000000-0000-0000-0000-000000000001")).await;
    for unknown_part in
        [r#""filters":{"n":1e2,"n":0.10}"#, r#"[{"type":"future","x":[1.0]}]"#, r#""colour":"Ä 🦀""#]
    {
        assert!(copy.body.contains(unknown_part), "{unknown_part} must be in {copy:?}");
    }
    assert_eq!(copy.json()["userIds"], json!(["user_ada"]));
}

on_both_databases!(copy_has_given_or_shortened_name);
async fn copy_has_given_or_shortened_name(service: &Service) {
    let ada = service.user("user_ada");
    let long = "é".repeat(255);
    let path = ada.create(json!({"name": long, "leadProviderCriteria": []})).await.icp_path();
    let copy = copy_with_body(&ada, &path, "{}").await;
    assert_eq!(copy.json()["name"], format!("{} (copy)", "é".repeat(248)));
    assert_eq!(copy_with_body(&ada, &path, json!({"name": "given"})).await.json()["name"], "given");
    assert_eq!(
        copy_with_body(&ada, &path, "").await.status,
        201,
        "an empty body must be treated as a missing body"
    );
    assert_eq!(ada.list_names().await.len(), 4);
}

on_both_databases!(invalid_body_of_copy_is_rejected);
async fn invalid_body_of_copy_is_rejected(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    for (body, violation) in [
        (r#"{"name":" "}"#, "/name invalid_value"),
        (r#"{"name":null}"#, "/name invalid_type"),
        (r#"{"name":"a","leadsPerList":1}"#, "/leadsPerList unknown_field"),
        // The pointer to the complete body is empty.
        ("[]", " invalid_type"),
        ("{", " malformed"),
    ] {
        assert_eq!(copy_with_body(&ada, &path, body).await.violations(), [violation], "{body}");
    }
    let untyped = Response::fetch(ada.copy_request(&path).body("{}")).await;
    untyped.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    let plain = ada.copy_request(&path).header("content-type", "text/plain").body("{}");
    Response::fetch(plain).await.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(ada.list_names().await.len(), 1);
}

on_both_databases!(repeated_copy_returns_first_copy);
async fn repeated_copy_returns_first_copy(service: &Service) {
    let ada = service.user("user_ada");
    let [path, other_path] =
        [ada.create(MINIMAL_BODY).await.icp_path(), ada.create(MINIMAL_BODY).await.icp_path()];
    let first = copy_with_key(&ada, &path, "k").await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (201, ""));
    let repeated = copy_with_key(&ada, &path, "k").await;
    assert_eq!((&repeated.body, repeated.etag()), (&first.body, first.etag()));
    assert_eq!(repeated.header("idempotency-replayed"), "true");
    copy_with_key(&ada, &other_path, "k").await.assert_problem(422, "IDEMPOTENCY_KEY_REUSED");
    let body =
        ada.copy_request(&path).header("idempotency-key", "k").header("content-type", "application/json");
    Response::fetch(body.body(r#"{"name":"x"}"#)).await.assert_problem(422, "IDEMPOTENCY_KEY_REUSED");
    let create = ada.post_request(MINIMAL_BODY).header("idempotency-key", "k");
    Response::fetch(create).await.assert_problem(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(ada.list_names().await.len(), 3);
    ada.delete(&path).await;
    assert_eq!(
        copy_with_key(&ada, &path, "k").await.body,
        first.body,
        "a repeated key must return the first copy after the original was deleted"
    );
    copy_with_key(&ada, &path, "new").await.assert_problem(404, "NOT_FOUND");
    assert_eq!(ada.list_names().await.len(), 2);
}

on_both_databases!(if_match_of_copy_applies_to_original);
async fn if_match_of_copy_applies_to_original(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    ada.patch(&path, json!({"name": "other"})).await.assert_ok();
    let stale = Response::fetch(ada.copy_request(&path).header("if-match", created.etag())).await;
    stale.assert_problem(412, "PRECONDITION_FAILED");
    assert_eq!(ada.list_names().await, ["other"]);
}

fn with_quota_of_two(setup: Setup) -> Setup {
    setup.with("ICP__LIMITS__ICPS_PER_CREATOR", "2")
}

on_both_databases!(copy_counts_toward_quota_of_caller, with with_quota_of_two);
async fn copy_counts_toward_quota_of_caller(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_ada", "user_bob"]});
    let path = ada.create(body).await.icp_path();
    for _ in 0..2 {
        assert_eq!(bob.copy(&path).await.status, 201);
    }
    bob.copy(&path).await.assert_problem(403, "FORBIDDEN");
    assert_eq!(ada.copy(&path).await.status, 201);
}
