//! Generates a Python client, checks its types, and runs a program that uses it.

use crate::clients::stage::Stage;
use crate::clients::tools::{copy, description, python, run, source};

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn generated_client_uses_every_operation() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    for file in ["session.py", "history.py", "walkthrough.py"] {
        copy(source("python").join(file), folder.path());
    }
    let generate = &mut python();
    let generate = generate.args(["-m", "openapi_python_client", "generate", "--meta", "none"]);
    let generate = generate.arg("--fail-on-warning").arg("--path").arg(description());
    let generate = generate.arg("--config").arg(source("python/generator.yaml"));
    run(generate.arg("--output-path").arg(folder.path().join("icp_client"))).await;
    run(python().args(["-m", "mypy", "--strict", "."]).current_dir(folder.path())).await;
    Stage::new().await.run_walkthrough(python().arg("walkthrough.py").current_dir(folder.path())).await;
}
