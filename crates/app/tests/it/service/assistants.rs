//! Tests single messages to `POST /mcp`. `clients::assistant` tests this endpoint with an official client.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::services::on_both_databases;
use crate::support::{LIST, Response, Service, Setup};

const ICP_JSON: &str = r#"{"name":"A","leadProviderCriteria":[{"provider":"baseProvider","filters":{"z":1e2,"a":12345678901234567890123}}]}"#;

fn enable_mcp(setup: Setup) -> Setup {
    setup.with("ICP__MCP__ENABLED", "true").with("ICP__SERVER__CORS_ORIGINS", "https://app.example.com")
}

fn start_service() -> Service {
    enable_mcp(Setup::new()).start()
}

struct Assistant<'a> {
    service: &'a Service,
    token: String,
}

impl<'a> Assistant<'a> {
    fn new(service: &'a Service, user: &str) -> Self {
        Self { service, token: service.token(user) }
    }

    fn message(&self, body: impl Into<String>) -> reqwest::RequestBuilder {
        let request = self.service.request(Method::POST, "/mcp", &self.token);
        let request = request.header("content-type", "application/json");
        request.header("accept", "application/json, text/event-stream").body(body.into())
    }

    async fn call_method(&self, method: &str, parameters: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let response = Response::fetch(self.message(body.to_string())).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    }

    /// Calls a tool. Returns the text of its result, and true if the result is an error.
    async fn call_with(&self, tool: &str, arguments: &str) -> (String, bool) {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        );
        let response = Response::fetch(self.message(body)).await;
        assert_eq!(response.status, 200, "{response:?}");
        let result = &response.json()["result"];
        let text = result["content"][0]["text"]
            .as_str()
            .unwrap_or_else(|| panic!("the result must contain a text: {response:?}"));
        (text.to_owned(), result["isError"] == true)
    }

    /// Calls a tool, which must succeed. Returns the JSON of its result.
    async fn call(&self, tool: &str, arguments: &str) -> Value {
        let (text, is_error) = self.call_with(tool, arguments).await;
        assert!(!is_error, "{tool} {arguments}: {text}");
        serde_json::from_str(&text).expect("the text must be JSON")
    }

    /// Calls a tool, which must fail. Returns the code of the problem, and the pointer or parameter and the code of
    /// each violation.
    async fn call_and_fail(&self, tool: &str, arguments: &str) -> (String, Vec<String>) {
        let (text, is_error) = self.call_with(tool, arguments).await;
        assert!(is_error, "{tool} {arguments}: {text}");
        let problem: Value = serde_json::from_str(&text).expect("the text must be JSON");
        let to_text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let violations = problem["errors"].as_array().into_iter().flatten();
        let violations = violations.map(|violation| {
            format!(
                "{}{} {}",
                to_text(&violation["pointer"]),
                to_text(&violation["parameter"]),
                to_text(&violation["code"])
            )
        });
        (to_text(&problem["code"]), violations.collect())
    }
}

#[tokio::test]
async fn mcp_is_off_by_default() {
    let service = Setup::new().start();
    let assistant = Assistant::new(&service, "user_ada");
    Response::fetch(assistant.message("{}")).await.assert_problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn mcp_rejects_invalid_token() {
    let service = start_service();
    let assistant = Assistant { service: &service, token: "e30.e30.e30".to_owned() };
    let response = Response::fetch(assistant.message("{}")).await;
    response.assert_problem(401, "UNAUTHORIZED");
    assert_eq!(response.header("www-authenticate"), r#"Bearer error="invalid_token""#);
}

#[tokio::test]
async fn only_pages_of_allowed_origins_are_accepted() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let request_from = |origin: &str| assistant.message(message).header("origin", origin);
    Response::fetch(request_from("https://evil.example.com")).await.assert_problem(403, "FORBIDDEN");
    Response::fetch(request_from("https://app.example.com:444")).await.assert_problem(403, "FORBIDDEN");
    assert_eq!(Response::fetch(request_from("https://app.example.com")).await.status, 200);
}

#[tokio::test]
async fn mcp_describes_server_and_tools() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    let message = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    let description = &assistant.call_method("initialize", message).await["result"];
    assert_eq!(description["serverInfo"]["name"], "icp", "{description}");
    assert_eq!(description["protocolVersion"], "2025-06-18");
    assert!(description["capabilities"]["tools"].is_object());

    let tools = assistant.call_method("tools/list", json!({})).await;
    let tools = tools["result"]["tools"].as_array().expect("the tools must be an array").clone();
    let names: Vec<_> =
        tools.iter().map(|tool| tool["name"].as_str().expect("the name must be a string")).collect();
    let expected = [
        ["list_icps", "get_icp", "create_icp", "update_icp", "delete_icp", "validate_icp"].as_slice(),
        &["share_icp", "unshare_icp", "copy_icp"],
        &["list_revisions", "get_revision", "restore_icp", "list_deleted_icps"],
    ];
    assert_eq!(names, expected.concat());
    for tool in &tools {
        let schema = &tool["inputSchema"];
        let validator = jsonschema::validator_for(schema)
            .expect("the schema must be valid, and its references must exist");
        assert!(!validator.is_valid(&json!({"unknown": "field"})), "{tool}");
    }
    let create = jsonschema::validator_for(&tools[2]["inputSchema"]).expect("the schema must be valid");
    assert!(create.is_valid(&json!({"icp": {"name": "A", "leadProviderCriteria": []}})));
    assert!(!create.is_valid(&json!({"icp": {"name": ""}})));
}

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

#[tokio::test]
async fn every_accept_header_gets_json() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    for accept in [
        "application/json, text/event-stream",
        "application/json",
        "text/event-stream",
        "application/*",
        "*/*",
        "application/json;q=0.5, text/html",
        "",
    ] {
        let request = service.request(Method::POST, "/mcp", &assistant.token);
        let request = request.header("content-type", "application/json").header("accept", accept);
        let response =
            Response::fetch(request.body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)).await;
        assert_eq!(
            (response.status.as_u16(), response.header("content-type")),
            (200, "application/json"),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn arguments_may_be_null_or_missing() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_abc123");
    for params in [
        r#"{"name":"list_icps"}"#,
        r#"{"name":"list_icps","arguments":null}"#,
        r#"{"name":"list_icps","arguments":{}}"#,
        r#"{"_meta":{"progressToken":1},"arguments":null,"name":"list_icps"}"#,
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        let response = Response::fetch(assistant.message(body)).await.json();
        let text = response["result"]["content"][0]["text"]
            .as_str()
            .unwrap_or_else(|| panic!("{params}: {response}"));
        assert!(
            response["result"]["isError"] != true && text.contains("Enterprise Tech Buyers"),
            "{params}: {text}"
        );
    }
    assert_eq!(
        assistant.call_and_fail("get_icp", "null").await.0,
        "BAD_REQUEST",
        "a tool with a required argument must reject a call without arguments"
    );
}

#[tokio::test]
async fn malformed_message_returns_problem() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    let bodies = [
        "",
        "{",
        "[]",
        "7",
        "null",
        "\u{feff}{}",
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
    ];
    for body in bodies.map(str::to_owned).into_iter().chain(["[".repeat(200)]) {
        let response = Response::fetch(assistant.message(body.clone())).await;
        assert!(response.status.is_client_error(), "{body:.40}: {response:?}");
        response.assert_problem(400, "BAD_REQUEST");
    }
    Response::fetch(assistant.message("x".repeat(1_200_000))).await.assert_problem(413, "PAYLOAD_TOO_LARGE");
    let text = assistant.message("{}").header("content-type", "text/plain");
    assert!(Response::fetch(text).await.status.is_client_error(), "the Content-Type must be JSON");
}

#[tokio::test]
async fn get_unknown_tool_and_notification_follow_protocol() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    let get = service.request(Method::GET, "/mcp", &assistant.token);
    let response = Response::fetch(get).await;
    response.assert_problem(405, "METHOD_NOT_ALLOWED");
    assert_eq!(response.header("allow"), "POST, OPTIONS");

    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "drop_table"}});
    let response = Response::fetch(assistant.message(body.to_string())).await.json();
    // JSON-RPC defines this code for invalid parameters.
    assert_eq!(response["error"]["code"], -32602, "{response}");
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(Response::fetch(assistant.message(notification.to_string())).await.status, 202);
}

#[tokio::test]
async fn texts_of_clients_are_not_logged() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    let message = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "marker-1", "version": "1"}});
    assistant.call_method("initialize", message).await;
    let unknown = r#"{"jsonrpc":"2.0","id":"marker-2","method":"tools/call","params":{"name":"marker-3"}}"#;
    Response::fetch(assistant.message(unknown)).await;
    let log = service.log();
    assert!(log.contains(r#"route="/mcp""#), "{log}");
    assert!(!log.contains("marker"), "{log}");
}

#[tokio::test]
async fn only_arguments_may_have_many_values() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    let long_array = format!("[{}0]", r#"{"":0},"#.repeat(200));
    for message in [
        long_array.clone(),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{{"a":{long_array}}}}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":{long_array},"method":"tools/call","params":{{"name":"get_icp","arguments":{{}}}}}}"#
        ),
    ] {
        let response = Response::fetch(assistant.message(message)).await;
        response.assert_problem(413, "PAYLOAD_TOO_LARGE");
    }
    let icp = ICP_JSON.replace(r#""z":1e2"#, &format!(r#""z":{long_array}"#));
    assert_eq!(assistant.call("validate_icp", &format!(r#"{{"icp":{icp}}}"#)).await["valid"], true);
}

#[tokio::test]
async fn number_and_length_of_violations_are_limited() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    let object_with_fields = |count: usize| {
        let members: Vec<_> = (0..count).map(|number| format!(r#""a{number}":0"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    let (_, actual) = assistant.call_and_fail("list_icps", &object_with_fields(1_000)).await;
    assert_eq!(actual.len(), icp_domain::limits::VIOLATIONS);
    assert_eq!(
        assistant.call_and_fail("list_icps", &object_with_fields(10_000)).await.1,
        ["arguments too_long"]
    );
    let unknown = format!(r#"{{"{}":0}}"#, "x".repeat(100_000));
    let (text, _) = assistant.call_with("get_icp", &unknown).await;
    assert!(text.len() < 1_000, "the error must not quote the complete name: {} bytes", text.len());
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

/// Assistants ask the user before they call a destructive tool.
#[tokio::test]
async fn every_tool_is_read_only_or_destructive() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    let tools = assistant.call_method("tools/list", json!({})).await;
    for tool in tools["result"]["tools"].as_array().expect("the tools must be an array") {
        let is_read_only = tool["annotations"]["readOnlyHint"] == true;
        assert_eq!(tool["annotations"]["destructiveHint"] == true, !is_read_only, "{tool}");
    }
}
