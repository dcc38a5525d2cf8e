//! What checkers of descriptions say of ours.

use crate::tools::{description, python, run};

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn the_description_is_openapi() {
    let arguments = ["-m", "openapi_spec_validator", "--schema", "3.1"];
    let printed = run(python().args(arguments).arg(description())).await;
    assert!(printed.contains("OK"), "{printed}");
}
