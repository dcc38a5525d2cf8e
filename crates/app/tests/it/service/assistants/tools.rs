//! Checks what the tools do.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Assistant, ICP_JSON, enable_mcp, start_service};
use crate::support::services::on_both_databases;
use crate::support::{LIST, Response, Service};

on_both_databases!(tools_check_users_and_versions, with enable_mcp);
async fn tools_check_users_and_versions(service: &Service) {
    let (ada, eve) = (Assistant::new(service, "user_ada"), Assistant::new(service, "user_eve"));
    let created = ada.call("create_icp", &format!(r#"{{"icp":{ICP_JSON}}}"#)).await;
    let (id, version) = (created["icp"]["id"].clone(), created["version"].clone());
    assert_eq!(created["icp"]["userIds"], json!(["user_ada"]));

    let over_http = service
        .get(&format!("{LIST}/{}", id.as_str().expect("the ID must be a string")), Some(&ada.token))
        .await;
    let (text, _) = ada.call_with("get_icp", &json!({"id": id}).to_string()).await;
    assert!(text.ends_with(&format!(r#","version":{version},"icp":{}}}"#, over_http.body)), "{text}");
    assert!(
        text.contains(r#""filters":{"z":1e2,"a":12345678901234567890123}"#),
        "the tool must return the filters byte for byte: {text}"
    );
    assert_eq!(eve.call_and_fail("get_icp", &json!({"id": id}).to_string()).await.0, "FORBIDDEN");

    let change = json!({"id": id, "changes": {"leadsPerList": 50}, "ifMatch": version}).to_string();
    let changed = ada.call("update_icp", &change).await;
    assert_eq!(changed["icp"]["leadsPerList"], 50);
    assert_eq!(ada.call_and_fail("update_icp", &change).await.0, "PRECONDITION_FAILED");
    assert_eq!(eve.call_and_fail("update_icp", &change).await.0, "FORBIDDEN");
    let read_only = json!({"id": id, "changes": {"createdAt": "2020-01-01T00:00:00Z"}}).to_string();
    let violation = ("BAD_REQUEST".to_owned(), vec!["/createdAt read_only".to_owned()]);
    assert_eq!(ada.call_and_fail("update_icp", &read_only).await, violation);

    let delete = |version: &Value| json!({"id": id, "ifMatch": version}).to_string();
    assert_eq!(ada.call_and_fail("delete_icp", &delete(&version)).await.0, "PRECONDITION_FAILED");
    assert_eq!(
        ada.call_and_fail("delete_icp", &delete(&json!("an invented version"))).await.0,
        "PRECONDITION_FAILED"
    );
    assert_eq!(eve.call_and_fail("delete_icp", &delete(&changed["version"])).await.0, "FORBIDDEN");
    ada.call("delete_icp", &delete(&changed["version"])).await;
    assert_eq!(ada.call_and_fail("get_icp", &json!({"id": id}).to_string()).await.0, "NOT_FOUND");
}

#[tokio::test]
async fn list_tool_pages_sorts_and_filters() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_abc123");
    let first = assistant.call("list_icps", r#"{"limit":1,"sort":"name","order":"desc"}"#).await;
    assert_eq!(first["icps"][0]["name"], "SMB Marketing Leaders");
    let cursor = first["nextCursor"].as_str().expect("the result must have the cursor of the next page");
    let next = format!(r#"{{"limit":"1","sort":"name","order":"desc","cursor":"{cursor}"}}"#);
    let last = assistant.call("list_icps", &next).await;
    assert_eq!(last["icps"][0]["name"], "Enterprise Tech Buyers");
    assert_eq!(last.get("nextCursor"), None);
    let all = assistant.call("list_icps", "{}").await;
    assert_eq!(all["icps"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        assistant.call("list_icps", r#"{"active":true}"#).await["icps"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn same_key_replays_same_create_only() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    let arguments = format!(r#"{{"icp":{ICP_JSON},"idempotencyKey":"one"}}"#);
    let first = assistant.call("create_icp", &arguments).await;
    assert_eq!(assistant.call("create_icp", &arguments).await, first);
    let other = r#"{"icp":{"name":"B","leadProviderCriteria":[]},"idempotencyKey":"one"}"#;
    assert_eq!(assistant.call_and_fail("create_icp", other).await.0, "IDEMPOTENCY_KEY_REUSED");
    // A user's key has the same meaning for the tool as for `POST` over HTTP.
    let request = service.request(Method::POST, LIST, &assistant.token).header("idempotency-key", "one");
    let over_http = Response::fetch(request.header("content-type", "application/json").body(ICP_JSON)).await;
    assert_eq!(over_http.json(), first["icp"]);
}

#[tokio::test]
async fn tools_report_invalid_arguments() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    // A body may have 64 levels. An empty list of violations below stands for any violation.
    let deeply_nested_icp =
        format!(r#"{{"icp":{{"name":"A","leadProviderCriteria":[{}{}]}}}}"#, "[".repeat(70), "]".repeat(70));
    for (tool, arguments, violations) in [
        (
            "validate_icp",
            r#"{"icp":{"name":"","colour":1,"leadProviderCriteria":[]}}"#,
            vec!["/colour unknown_field", "/name invalid_value"],
        ),
        (
            "create_icp",
            r#"{"icp":{"name":"A","name":"B","leadProviderCriteria":[]}}"#,
            vec!["/name duplicate"],
        ),
        ("create_icp", r#"{"icp":[]}"#, vec![" invalid_type"]),
        ("create_icp", deeply_nested_icp.as_str(), vec![]),
        ("create_icp", "{}", vec!["arguments malformed"]),
        ("create_icp", r#"{"icp":{},"ICP":{}}"#, vec!["arguments malformed"]),
        (
            "create_icp",
            r#"{"icp":{"name":"A","leadProviderCriteria":[]},"idempotencyKey":""}"#,
            vec!["idempotencyKey invalid_value"],
        ),
        ("get_icp", r#"{"id":"seven"}"#, vec!["id invalid_value"]),
        ("get_icp", r#"{"id":7}"#, vec!["arguments malformed"]),
        ("list_icps", r#"{"limit":0,"sort":"id"}"#, vec!["limit out_of_range", "sort invalid_value"]),
        ("list_icps", r#"{"userId":"user_eve"}"#, vec!["userId unknown_field"]),
        ("list_icps", r#"{"name":["a"]}"#, vec!["name invalid_type"]),
        ("list_icps", r#"{"cursor":"AbP2"}"#, vec!["cursor invalid_value"]),
    ] {
        let (code, mut actual) = assistant.call_and_fail(tool, arguments).await;
        actual.sort();
        assert_eq!(code, "BAD_REQUEST", "{tool} {arguments}");
        assert!(violations.is_empty() || actual == violations, "{tool} {arguments}: {actual:?}");
    }
    assert_eq!(
        assistant.call("list_icps", "{}").await["icps"],
        json!([]),
        "invalid calls must create no ICP"
    );
    assert_eq!(
        assistant.call("validate_icp", &format!(r#"{{"icp":{ICP_JSON}}}"#)).await,
        json!({"valid": true})
    );
    let large_icp = format!(
        r#"{{"icp":{{"name":"A","description":"{}","leadProviderCriteria":[]}}}}"#,
        "x".repeat(1 << 20)
    );
    assert_eq!(assistant.call_and_fail("create_icp", &large_icp).await.0, "PAYLOAD_TOO_LARGE");
}

on_both_databases!(tools_share_copy_and_restore, with enable_mcp);
async fn tools_share_copy_and_restore(service: &Service) {
    let (ada, bob) = (Assistant::new(service, "user_ada"), Assistant::new(service, "user_bob"));
    let created = ada.call("create_icp", &format!(r#"{{"icp":{ICP_JSON}}}"#)).await;
    let (id, version) = (created["icp"]["id"].clone(), created["version"].clone());
    let id_only = json!({"id": id}).to_string();
    let with_bob = json!({"id": id, "userId": "user_bob"}).to_string();
    let shared = ada.call("share_icp", &with_bob).await;
    assert_eq!(shared["icp"]["userIds"], json!(["user_ada", "user_bob"]));
    let with_outdated_version = json!({"id": id, "userId": "user_cy", "ifMatch": version}).to_string();
    assert_eq!(ada.call_and_fail("share_icp", &with_outdated_version).await.0, "PRECONDITION_FAILED");
    let copy = bob.call("copy_icp", &json!({"id": id, "name": "B", "idempotencyKey": "k"}).to_string()).await;
    assert_eq!((&copy["icp"]["name"], &copy["icp"]["userIds"]), (&json!("B"), &json!(["user_bob"])));
    let replayed =
        bob.call("copy_icp", &json!({"id": id, "name": "B", "idempotencyKey": "k"}).to_string()).await;
    assert_eq!(replayed, copy);
    let unshared = ada.call("unshare_icp", &with_bob).await;
    assert_eq!(unshared["icp"]["userIds"], json!(["user_ada"]));
    assert_eq!(bob.call_and_fail("list_revisions", &id_only).await.0, "FORBIDDEN");

    let history = ada.call("list_revisions", &json!({"id": id, "limit": 2}).to_string()).await;
    assert_eq!(history["revisions"][0]["source"], "mcp");
    assert_eq!(history["revisions"][0]["by"], "user_ada");
    assert_eq!(history["revisions"].as_array().map(Vec::len), Some(2));
    let next = json!({"id": id, "cursor": history["nextCursor"]}).to_string();
    let first = ada.call("list_revisions", &next).await;
    assert_eq!((&first["revisions"][0]["revision"], &first["nextCursor"]), (&version, &Value::Null));
    let first_revision = json!({"id": id, "revision": version}).to_string();
    let (text, _) = ada.call_with("get_revision", &first_revision).await;
    assert!(
        text.contains(r#""filters":{"z":1e2,"a":12345678901234567890123}"#),
        "the revision must contain the filters byte for byte: {text}"
    );

    ada.call("delete_icp", &id_only).await;
    let deleted = ada.call("list_deleted_icps", "{}").await;
    assert_eq!(deleted["deleted"][0]["icp"]["id"], id);
    assert_eq!(bob.call("list_deleted_icps", "{}").await["deleted"], json!([]));
    assert_eq!(bob.call_and_fail("restore_icp", &first_revision).await.0, "FORBIDDEN");
    let restored = ada.call("restore_icp", &first_revision).await;
    assert_eq!(restored["icp"]["userIds"], json!(["user_ada"]));
    for result in [&shared, &copy, &history, &deleted, &restored] {
        assert!(result["notice"].as_str().is_some_and(|notice| notice.contains("data")), "{result}");
    }
    let revisions = ada.call("list_revisions", &id_only).await;
    assert_eq!(revisions["revisions"][0]["operation"], "restore");

    for (tool, arguments, code) in [
        ("get_revision", json!({"id": id, "revision": "x"}), "NOT_FOUND"),
        ("restore_icp", json!({"id": id, "revision": "x"}), "BAD_REQUEST"),
        ("share_icp", json!({"id": id, "userId": ""}), "BAD_REQUEST"),
        ("share_icp", json!({"id": id, "userId": "a b"}), "BAD_REQUEST"),
        ("list_revisions", json!({"id": id, "x": 1}), "BAD_REQUEST"),
        ("list_revisions", json!({}), "BAD_REQUEST"),
        ("list_deleted_icps", json!({"limit": 0}), "BAD_REQUEST"),
        ("copy_icp", json!({"id": id, "name": " "}), "BAD_REQUEST"),
    ] {
        assert_eq!(ada.call_and_fail(tool, &arguments.to_string()).await.0, code, "{tool} {arguments}");
    }
}

#[tokio::test]
async fn results_mark_texts_of_users_as_data() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    let created = assistant.call("create_icp", &format!(r#"{{"icp":{ICP_JSON}}}"#)).await;
    let id = json!({"id": created["icp"]["id"]}).to_string();
    for result in [&created, &assistant.call("list_icps", "{}").await, &assistant.call("get_icp", &id).await]
    {
        assert!(result["notice"].as_str().is_some_and(|notice| notice.contains("data")), "{result}");
    }
}
