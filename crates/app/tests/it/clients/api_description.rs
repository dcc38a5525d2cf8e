//! Checks the OpenAPI document with linters, and checks that the responses of the service match the document.
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
    // The linter needs both files in one folder, because the rule file disables rules for paths relative to its own
    // folder.
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    copy(description(), folder.path());
    copy(source("typescript/spectral.yaml"), folder.path());
    let spectral = &mut node("@stoplight/spectral-cli/dist/index.js");
    let spectral =
        spectral.args(["lint", "--fail-severity", "warn", "--ruleset", "spectral.yaml", "openapi.json"]);
    run(spectral.current_dir(folder.path())).await;
}

/// Sends requests with the limits of each value that the OpenAPI document describes.
#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn responses_to_limit_values_match_openapi_document() {
    check_responses("examples,coverage").await;
}

/// Sends random requests that the OpenAPI document allows or forbids. Some use values of earlier responses.
#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn responses_to_random_requests_match_openapi_document() {
    check_responses("fuzzing,stateful").await;
}

/// Runs phases of the fuzzer Schemathesis. The fuzzer uses one core, so two tests run different phases concurrently.
async fn check_responses(phases: &str) {
    let service = Setup::new().start();
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let schemathesis = &mut python();
    let schemathesis =
        // There is only one worker, because some Python versions fail if several threads parse Python code at the
        // same time.
        schemathesis.args(["-m", "schemathesis.cli", "run", "--no-color", "--seed", "1", "--workers", "1"]);
    let schemathesis = schemathesis.args(["--phases", phases, "--max-examples", "200"]);
    let schemathesis = schemathesis.args(["--continue-on-failure", "--checks", "all"]);
    // These checks are excluded, because a schema cannot express all rules. Tests in Rust check the other rules.
    let schemathesis =
        schemathesis.args(["--exclude-checks", "positive_data_acceptance,negative_data_rejection"]);
    let token = format!("Authorization: Bearer {}", service.token("user_abc123"));
    let schemathesis = schemathesis.args(["--header", &token, "--url", &service.address]).arg(description());
    let printed = run(schemathesis.current_dir(folder.path())).await;
    assert!(printed.contains("Tested: 15"), "{printed}");
}
