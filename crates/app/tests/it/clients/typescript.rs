//! Generates and compiles a TypeScript client, and runs a program that uses it.

use std::path::Path;

use tempfile::TempDir;

use crate::clients::stage::Stage;
use crate::clients::tools::{copy, description, node, node_modules, run, source, tool};

const OPENAPI_TYPESCRIPT: &str = "openapi-typescript/bin/cli.js";
const TSC: &str = "typescript/bin/tsc";

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn generated_client_uses_every_operation() {
    let folder = create_project().await;
    run(node(TSC).arg("--project").arg(folder.path())).await;
    let mut program = tokio::process::Command::new(tool("ICP_TEST_NODE"));
    Stage::new().await.run_walkthrough(program.arg(folder.path().join("built/walkthrough.js"))).await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn compiler_reports_invalid_requests() {
    let folder = create_project().await;
    let invalid_code = r#"
        import type { components } from "./icp.js";
        type NewIcp = components["schemas"]["NewIcp"];
        export const right: NewIcp = { name: "A", leadProviderCriteria: [] };
        // @ts-expect-error: `leadProviderCriteria` is required
        export const incomplete: NewIcp = { name: "A" };
        // @ts-expect-error: `colour` is unknown
        export const unknown: NewIcp = { name: "A", leadProviderCriteria: [], colour: "red" };
        // @ts-expect-error: the type of the filter is unknown
        export const filter: NewIcp = { name: "A", leadProviderCriteria: [], customFilterCriteria: [{ type: "ofNextYear" }] };
        // @ts-expect-error: `leadsPerList` must not be null
        export const cleared: components["schemas"]["IcpPatch"] = { leadsPerList: null };
    "#;
    std::fs::write(folder.path().join("wrong.ts"), invalid_code).expect("the file must be written");
    run(node(TSC).arg("--project").arg(folder.path())).await;
}

/// Creates a folder with the sources and the generated types. The folder is next to the packages, so that Node finds
/// the packages.
async fn create_project() -> TempDir {
    let packages = node_modules();
    let folder = TempDir::new_in(packages.parent().unwrap_or(Path::new(".")))
        .expect("the temporary folder must be created");
    for file in ["package.json", "tsconfig.json", "session.ts", "history.ts", "walkthrough.ts"] {
        copy(source("typescript").join(file), folder.path());
    }
    let generate = &mut node(OPENAPI_TYPESCRIPT);
    let generate = generate.arg(description()).arg("--default-non-nullable=false").arg("--output");
    run(generate.arg(folder.path().join("icp.ts"))).await;
    folder
}
