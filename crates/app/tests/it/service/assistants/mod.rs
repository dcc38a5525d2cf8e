//! Tests single messages to `POST /mcp`. `clients::assistant` tests this endpoint with an official client.

mod messages;
mod tools;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Response, Service, Setup};

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
