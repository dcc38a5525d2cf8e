//! Checks the first start on a new machine: its messages, options, sample ICPs, errors and health.

use icp_testkit::fixtures::EXAMPLE_LIST;
use reqwest::Method;
use serde_json::Value;

use crate::service::transfers::setups_of_both_databases;
use crate::support::{LIST, Response, Setup, client, run_failing, stdout};

#[tokio::test]
async fn printed_curl_line_returns_samples() {
    for (setup, _database) in setups_of_both_databases() {
        let mut service = setup.start();
        let (token, url) = parse_curl_line(&service.printed_line("curl "));
        assert_eq!(url, format!("{}{LIST}", service.address));
        let response = Response::fetch(client().get(url).bearer_auth(token)).await;
        let example: Value = serde_json::from_str(EXAMPLE_LIST).expect("the text must be JSON");
        assert_eq!(response.json(), example);
    }
}

/// Returns the token and the URL of the printed line. The tests do not run `curl`, because not every machine has it.
fn parse_curl_line(line: &str) -> (String, String) {
    let parts = line.strip_prefix("curl -H 'Authorization: Bearer ").and_then(|rest| rest.split_once("' "));
    let (token, url) = parts.unwrap_or_else(|| panic!("the service must print a curl command: {line}"));
    (token.to_owned(), url.to_owned())
}

#[tokio::test]
async fn start_prints_urls_user_and_curl_line_only() {
    let mut service = Setup::new().start();
    assert_eq!(
        service.printed_line("signed in"),
        "signed in as user_abc123 (development sign-in, on this machine only)"
    );
    let documentation = service.printed_line("");
    let token =
        documentation.strip_prefix(&format!("documentation for this user: {}/docs#token=", service.address));
    let token =
        token.unwrap_or_else(|| panic!("the line must have the address and a token: {documentation}"));
    assert!(service.printed_line("").starts_with("curl -H 'Authorization: Bearer eyJ"));
    assert_eq!(service.log(), "");
    assert_eq!(service.get(LIST, Some(token)).await.status, 200);
    assert_eq!(service.get("/", None).await.status, 200);

    let mut with_mcp = Setup::new().with("ICP__MCP__ENABLED", "true").start();
    let url = format!("endpoint for AI assistants (MCP): {}/mcp", with_mcp.address);
    assert_eq!(with_mcp.printed_line("endpoint"), url);

    let clerk = Setup::new().with("CLERK_PUBLISHABLE_KEY", "pk_test_Y2xlcmsuZXhhbXBsZS5pbnZhbGlkJA==");
    let mut with_clerk = clerk.with("ICP__AUTH__AUTHORIZED_PARTIES", "https://app.example.com").start();
    with_clerk.signal("TERM");
    assert!(with_clerk.rest_of_start_message().is_empty(), "with Clerk, the service must print no user");
}

#[tokio::test]
async fn host_and_port_options_override_settings() {
    let setup = Setup::new().with("ICP__SERVER__HOST", "192.0.2.1").with("ICP__SERVER__PORT", "1");
    let config = stdout(&setup.icp(&["config", "--host", "127.0.0.1", "--port", "0"]));
    assert!(
        config.contains("server.host = \"127.0.0.1\" # the option --host (ICP__SERVER__HOST)\n"),
        "{config}"
    );
    assert!(config.contains("server.port = 0 # the option --port (ICP__SERVER__PORT)\n"), "{config}");
    let service = setup.start_with(&["--host", "::1", "--port", "0"]);
    assert!(service.address.starts_with("http://[::1]:"), "{}", service.address);
    let message = run_failing(&Setup::new(), &["serve", "--host", "0.0.0.0"]);
    assert!(message.contains("server.host") && message.contains("not a loopback address"), "{message}");
}

#[tokio::test]
async fn printed_token_is_valid_and_not_in_pages() {
    let mut service = Setup::new().start();
    let (token, _) = parse_curl_line(&service.printed_line("curl "));
    assert_eq!(service.get(LIST, Some(&token)).await.status, 200);
    for path in ["/", "/docs"] {
        assert!(!service.get(path, None).await.body.contains("eyJ"), "{path} must contain no token");
    }
}

#[tokio::test]
async fn samples_are_stored_once() {
    for (setup, _database) in setups_of_both_databases() {
        let service = setup.start();
        assert_eq!(service.list("user_xyz789").await.json().as_array().map(Vec::len), Some(1));
        let samples = service.list("user_abc123").await.json();
        let id = samples[0]["id"].as_str().expect("the ID must be a string");
        let token = service.token("user_abc123");
        let deleted = Response::fetch(service.request(Method::DELETE, &format!("{LIST}/{id}"), &token)).await;
        assert_eq!(deleted.status, 204);
        let setup = service.setup.clone();
        drop(service);
        assert_eq!(setup.start().list("user_abc123").await.json().as_array().map(Vec::len), Some(1));
    }
    // A database that `icp import` created gets no samples.
    for (setup, _database) in setups_of_both_databases() {
        assert!(setup.icp_with_input(&["import"], b"").status.success());
        assert_eq!(setup.start().list("user_abc123").await.body, "[]");
    }
}

#[test]
fn database_of_clerk_gets_no_samples() {
    for (setup, _database) in setups_of_both_databases() {
        let clerk = setup.with("CLERK_PUBLISHABLE_KEY", "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k");
        assert!(clerk.icp(&["migrate"]).status.success());
        assert_eq!(stdout(&clerk.icp(&["export"])), "");
    }
}

#[test]
fn database_error_names_server_and_setting() {
    for (url, parts) in [
        ("postgres://icp:hunter2@127.0.0.1:9/leads", ["127.0.0.1:9", "/leads"]),
        ("postgres://icp:hunter2@nowhere.invalid/leads", ["nowhere.invalid:5432", "/leads"]),
        ("sqlite:///proc/icp/icp.sqlite3", ["/proc/icp/icp.sqlite3", "cannot use"]),
    ] {
        for command in [&["serve"][..], &["migrate"], &["migrate", "--check"], &["export"]] {
            let message = run_failing(&Setup::new().with("ICP__DATABASE__URL", url), command);
            let setting = "database.url (ICP__DATABASE__URL or DATABASE_URL): cannot use ";
            assert!(message.contains(setting) && !message.contains("hunter2"), "{command:?}: {message}");
            assert!(parts.iter().all(|part| message.contains(part)), "{command:?}: {message}");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn development_key_is_readable_by_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let service = Setup::new().start();
    let key = service.setup.path().join("data/development-key.pem");
    let mode = std::fs::metadata(key).expect("the file must exist").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn health_reports_liveness_and_readiness() {
    let service = Setup::new().start();
    assert_eq!(service.get("/health/live", None).await.status, 200);
    let ready = service.get("/health/ready", None).await;
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.json(),
        serde_json::json!({"status": "ready", "checks": {"database": "ok", "keys": "ok"}})
    );
}
