//! Checks the OpenAPI document with linters, and the service against the document.
//!
//! Tests start in alphabetical order. The name of this module lets the longest test of the clients start first.

use crate::clients::tools::{copy, description, node, python, run, source};
use crate::support::Setup;

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn openapi_document_is_valid() {
    let arguments = ["-m", "openapi_spec_validator", "--schema", "3.1"];
    let printed = run(python().args(arguments).arg(description())).await;
    assert!(printed.contains("OK"), "{printed}");
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn openapi_document_passes_linter() {
    // Rules are disabled for paths relative to the folder of the rules.
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(description(), folder.path());
    copy(source("typescript/spectral.yaml"), folder.path());
    let spectral = &mut node("@stoplight/spectral-cli/dist/index.js");
    let spectral =
        spectral.args(["lint", "--fail-severity", "warn", "--ruleset", "spectral.yaml", "openapi.json"]);
    run(spectral.current_dir(folder.path())).await;
}

/// Sends about three thousand requests that a fuzzer derives from the document, and chains of them.
#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn responses_match_openapi_document() {
    let service = Setup::new().start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let schemathesis = &mut python();
    let schemathesis =
        // One worker: threads that parse Python at the same time fail with some versions of it.
        schemathesis.args(["-m", "schemathesis.cli", "run", "--no-color", "--seed", "1", "--workers", "1"]);
    let schemathesis =
        schemathesis.args(["--max-examples", "200", "--continue-on-failure", "--checks", "all"]);
    // A schema cannot express every rule. Rust tests check the other rules.
    let schemathesis =
        schemathesis.args(["--exclude-checks", "positive_data_acceptance,negative_data_rejection"]);
    let token = format!("Authorization: Bearer {}", service.token("user_abc123"));
    let schemathesis = schemathesis.args(["--header", &token, "--url", &service.address]).arg(description());
    let printed = run(schemathesis.current_dir(folder.path())).await;
    assert!(printed.contains("Tested: 15"), "{printed}");
}
