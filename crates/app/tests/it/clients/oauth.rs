//! MCP clients that sign in with OAuth. They know only the URL of the endpoint, and discover everything else.

use std::net::TcpListener;
use std::path::Path;

use icp_testkit::fixtures::EXAMPLE_LIST;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::clients::authorization_server::{AuthorizationServer, KNOWN_CLIENT};
use crate::clients::browser::with_browser;
use crate::clients::tools::{copy, node, node_modules, python, run, source, tool};
use crate::support::{Service, Setup, stderr};

const TSC: &str = "typescript/bin/tsc";

/// Starts a service whose users sign in at `server`. Pages of `origin` may call it.
fn service(server: &AuthorizationServer, origin: &str) -> Service {
    // The public URL is a setting, so the port must be known before the service listens.
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let setup = Setup::new()
        .with("ICP__SERVER__PORT", &port.to_string())
        .with("ICP__SERVER__CORS_ORIGINS", origin)
        .with("ICP__AUTH__ISSUER", &server.issuer)
        .with("ICP__MCP__ENABLED", "true")
        .with("ICP__MCP__RESOURCE", &format!("http://127.0.0.1:{port}/mcp"))
        .with("ICP__MCP__OAUTH_CLIENT_IDS", KNOWN_CLIENT)
        .with("ICP__MCP__REQUIRED_SCOPES", "profile");
    let imported = setup.icp_with_input(&["import"], EXAMPLE_LIST.as_bytes());
    assert!(imported.status.success(), "{}", stderr(&imported));
    setup.start()
}

/// Runs a client twice. In the first run it registers itself and sends `resource`. In the second run it has a known client
/// ID and sends no `resource`.
async fn sign_in_both_ways(server: &AuthorizationServer, client: impl Fn() -> Command) {
    let service = service(server, "https://app.example.com");
    for client_id in ["", KNOWN_CLIENT] {
        let mut command = client();
        let command = command.env("ICP_URL", &service.address).env("ICP_CLIENT_ID", client_id);
        let printed = run(command).await;
        assert!(printed.contains("done"), "{printed}");
    }
    let exchanges = server.exchanges();
    let of = |name: &str| exchanges.iter().map(|exchange| exchange.get(name).cloned()).collect::<Vec<_>>();
    assert_eq!(of("client_id"), [Some("client_registered".to_owned()), Some(KNOWN_CLIENT.to_owned())]);
    assert_eq!(of("resource"), [Some(format!("{}/mcp", service.address)), None]);
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn python_client_signs_in_and_uses_every_tool() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["assistant.py", "oauth.py"] {
        copy(source("python").join(file), folder.path());
    }
    run(python().args(["-m", "mypy", "--strict", "oauth.py"]).current_dir(folder.path())).await;
    let server = AuthorizationServer::start();
    sign_in_both_ways(&server, || {
        let mut command = python();
        command.arg("oauth.py").current_dir(folder.path());
        command
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn typescript_client_signs_in_and_uses_every_tool() {
    let packages = node_modules();
    let folder = TempDir::new_in(packages.parent().unwrap_or(Path::new("."))).expect("a temporary folder");
    for file in ["package.json", "tsconfig.json", "oauth.ts"] {
        copy(source("typescript").join(file), folder.path());
    }
    run(node(TSC).arg("--project").arg(folder.path())).await;
    let server = AuthorizationServer::start();
    sign_in_both_ways(&server, || {
        let mut command = Command::new(tool("ICP_TEST_NODE"));
        command.arg(folder.path().join("built/oauth.js"));
        command
    })
    .await;
}

/// The client runs in a page of an allowed origin. All its requests are cross-origin.
#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn page_of_allowed_origin_signs_in_and_lists() {
    let (server, page) = (AuthorizationServer::start(), Setup::new().start());
    let service = service(&server, &page.address);
    let script = std::fs::read_to_string(source("browser/oauth.js")).expect("it is there");
    with_browser(async |browser| {
        let run = async |step: &str| {
            let expression = format!("{script}; ({step})").replace("ICP_URL", &service.address);
            let value = browser.evaluate_async(&expression).await;
            assert!(value.get("error").is_none(), "{step}: {value}");
            value
        };
        // The `Content-Security-Policy` of the service's HTML pages forbids requests to other origins. `/health/live` has none.
        browser.open(&format!("{}/health/live", page.address)).await;
        let authorize = run("begin()").await;
        browser.open(authorize["url"].as_str().expect("a URL")).await;
        let back = browser.address().await;
        assert!(back.starts_with(&page.address) && back.contains("code="), "{back}");
        let names: Value = run("finish()").await;
        assert_eq!(names["names"], serde_json::json!(["Enterprise Tech Buyers", "SMB Marketing Leaders"]));
    })
    .await;
}
