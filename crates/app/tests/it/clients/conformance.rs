//! What checkers say: of the description, and of a service that is held to it.

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
    // Rules are switched off for places that are named from the rules' own folder.
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(description(), folder.path());
    copy(source("typescript/spectral.yaml"), folder.path());
    let spectral = &mut node("@stoplight/spectral-cli/dist/index.js");
    let spectral =
        spectral.args(["lint", "--fail-severity", "warn", "--ruleset", "spectral.yaml", "openapi.json"]);
    run(spectral.current_dir(folder.path())).await;
}

/// Some three thousand requests that the description makes a fuzzer think of, and chains of them.
#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn responses_match_openapi_document() {
    let service = Setup::new().start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let schemathesis = &mut python();
    let schemathesis =
        schemathesis.args(["-m", "schemathesis.cli", "run", "--no-color", "--seed", "1", "--workers", "2"]);
    let schemathesis =
        schemathesis.args(["--max-examples", "200", "--continue-on-failure", "--checks", "all"]);
    // What a schema cannot say is refused, and what it does not want to be known may be ignored: both are tested in Rust.
    let schemathesis =
        schemathesis.args(["--exclude-checks", "positive_data_acceptance,negative_data_rejection"]);
    let token = format!("Authorization: Bearer {}", service.token("user_abc123"));
    let schemathesis = schemathesis.args(["--header", &token, "--url", &service.address]).arg(description());
    let printed = run(schemathesis.current_dir(folder.path())).await;
    assert!(printed.contains("Tested: 10"), "{printed}");
}
