//! MCP clients that sign in with OAuth. They know the URL of the endpoint, but not the authorization server. They
//! discover this server.

use std::net::TcpListener;
use std::path::Path;

use icp_testkit::fixtures::EXAMPLE_LIST;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::clients::authorization_server::{AuthorizationServer, REGISTERED_CLIENT};
use crate::clients::browser::with_browser;
use crate::clients::tools::{copy, node, node_modules, python, run, source, tool};
use crate::support::{Service, Setup, stderr};

const TSC: &str = "typescript/bin/tsc";

/// Starts a service whose users sign in at `server`. Pages of `origin` may call the service.
fn start_service(server: &AuthorizationServer, origin: &str) -> Service {
    // The port must be known before the service listens, because the public URL is a setting.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port must be free")
        .port();
    let setup = Setup::new()
        .with("ICP__SERVER__PORT", &port.to_string())
        .with("ICP__SERVER__CORS_ORIGINS", origin)
        .with("ICP__AUTH__ISSUER", &server.issuer)
        .with("ICP__MCP__ENABLED", "true")
        .with("ICP__MCP__RESOURCE", &format!("http://127.0.0.1:{port}/mcp"))
        .with("ICP__MCP__OAUTH_CLIENT_IDS", REGISTERED_CLIENT)
        .with("ICP__MCP__REQUIRED_SCOPES", "profile");
    let imported = setup.icp_with_input(&["import"], EXAMPLE_LIST.as_bytes());
    assert!(imported.status.success(), "{}", stderr(&imported));
    setup.start()
}

/// Runs a client twice. In the first run, the client registers itself and sends `resource`. In the second run, it
/// uses the ID of a registered client and sends no `resource`.
async fn run_client_twice(server: &AuthorizationServer, client: impl Fn() -> Command) {
    let service = start_service(server, "https://app.example.com");
    for client_id in ["", REGISTERED_CLIENT] {
        let mut command = client();
        let command = command.env("ICP_URL", &service.address).env("ICP_CLIENT_ID", client_id);
        let printed = run(command).await;
        assert!(printed.contains("done"), "{printed}");
    }
    let token_requests = server.token_requests();
    let values =
        |name: &str| token_requests.iter().map(|request| request.get(name).cloned()).collect::<Vec<_>>();
    assert_eq!(
        values("client_id"),
        [Some("client_registered".to_owned()), Some(REGISTERED_CLIENT.to_owned())]
    );
    assert_eq!(values("resource"), [Some(format!("{}/mcp", service.address)), None]);
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn python_client_signs_in_and_uses_every_tool() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    for file in ["assistant.py", "oauth.py"] {
        copy(source("python").join(file), folder.path());
    }
    run(python().args(["-m", "mypy", "--strict", "oauth.py"]).current_dir(folder.path())).await;
    let server = AuthorizationServer::start();
    run_client_twice(&server, || {
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
    let folder = TempDir::new_in(packages.parent().unwrap_or(Path::new(".")))
        .expect("the temporary folder must be created");
    for file in ["package.json", "tsconfig.json", "oauth.ts"] {
        copy(source("typescript").join(file), folder.path());
    }
    run(node(TSC).arg("--project").arg(folder.path())).await;
    let server = AuthorizationServer::start();
    run_client_twice(&server, || {
        let mut command = Command::new(tool("ICP_TEST_NODE"));
        command.arg(folder.path().join("built/oauth.js"));
        command
    })
    .await;
}

/// The client runs in a page of an allowed origin, so all of its requests are cross-origin requests.
#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn page_of_allowed_origin_signs_in_and_lists() {
    let (server, page) = (AuthorizationServer::start(), Setup::new().start());
    let service = start_service(&server, &page.address);
    let script = std::fs::read_to_string(source("browser/oauth.js")).expect("the file must exist");
    with_browser(async |browser| {
        let run = async |step: &str| {
            let expression = format!("{script}; ({step})").replace("ICP_URL", &service.address);
            let value = browser.run_script(&expression).await;
            assert!(value.get("error").is_none(), "{step}: {value}");
            value
        };
        // The page is `/health/live`, because it has no `Content-Security-Policy`. The policy of the service's HTML
        // pages forbids requests to other origins.
        browser.open(&format!("{}/health/live", page.address)).await;
        let authorize = run("begin()").await;
        browser.open(authorize["url"].as_str().expect("the URL must be a string")).await;
        let redirect_url = browser.current_url().await;
        assert!(redirect_url.starts_with(&page.address) && redirect_url.contains("code="), "{redirect_url}");
        let names: Value = run("finish()").await;
        assert_eq!(names["names"], serde_json::json!(["Enterprise Tech Buyers", "SMB Marketing Leaders"]));
    })
    .await;
}
