//! Checks which messages of the protocol the service accepts, and how it describes its tools.

use reqwest::Method;
use serde_json::json;

use super::{Assistant, ICP_JSON, start_service};
use crate::support::{Response, Setup};

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
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    ];
    for body in bodies.map(str::to_owned).into_iter().chain(["[".repeat(200)]) {
        let response = Response::fetch(assistant.message(body.clone())).await;
        assert!(response.status.is_client_error(), "{body:.40}: {response:?}");
        response.assert_problem(400, "BAD_REQUEST");
        assert_eq!(response.violations(), [" malformed"], "{body:.40}");
    }
    let other_version = assistant.message(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    let other_version = other_version.header("mcp-protocol-version", "1999-01-01");
    assert_eq!(Response::fetch(other_version).await.violations(), [" malformed"]);
    Response::fetch(assistant.message("x".repeat(1_200_000))).await.assert_problem(413, "PAYLOAD_TOO_LARGE");
    for (name, value) in [("content-type", "text/plain"), ("content-encoding", "gzip")] {
        let rejected = Response::fetch(assistant.message("{}").header(name, value)).await;
        rejected.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
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
        let fields: Vec<_> = (0..count).map(|number| format!(r#""a{number}":0"#)).collect();
        format!("{{{}}}", fields.join(","))
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

/// Without arguments, most tools fail, and report this in a `result` with `isError`. Only a tool that the service
/// describes but cannot run would return a JSON-RPC `error` without a `result`.
#[tokio::test]
async fn every_described_tool_can_be_called() {
    let service = start_service();
    let assistant = Assistant::new(&service, "user_ada");
    let tools = assistant.call_method("tools/list", json!({})).await;
    let tools = tools["result"]["tools"].as_array().expect("the tools must be an array");
    assert_eq!(tools.len(), 13);
    for tool in tools {
        let response =
            assistant.call_method("tools/call", json!({"name": tool["name"], "arguments": {}})).await;
        assert!(response["result"].is_object(), "{response}");
    }
}

/// Assistants can ask the user before they call a destructive tool.
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
