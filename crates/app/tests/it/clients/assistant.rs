//! Tests the endpoint `/mcp` with the official Python client of the Model Context Protocol.

use crate::clients::tools::{python, run, source};
use crate::support::Setup;

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn official_client_uses_every_tool() {
    let service = Setup::new().with("ICP__MCP__ENABLED", "true").start();
    let script = source("python/assistant.py");
    run(python().args(["-m", "mypy", "--strict"]).arg(&script).current_dir(service.setup.path())).await;
    let mut command = python();
    let command = command.arg(script).env("ICP_URL", &service.address);
    let printed = run(command.env("ICP_TOKEN", service.token("user_abc123"))).await;
    assert!(printed.contains("done"), "{printed}");
}
