//! Checks that the code in `docs/how-to/clients.md` is tested.

use serde_json::Value;

use crate::clients::stage::Stage;
use crate::clients::tools::{description, run, tool};

const GUIDE: &str = include_str!("../../../../../docs/how-to/clients.md");
const TYPESCRIPT: [&str; 3] = [
    include_str!("typescript/session.ts"),
    include_str!("typescript/history.ts"),
    include_str!("typescript/walkthrough.ts"),
];
const PYTHON: [&str; 3] = [
    include_str!("python/session.py"),
    include_str!("python/history.py"),
    include_str!("python/walkthrough.py"),
];

/// Returns the code blocks of the guide in one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks: Vec<_> =
        GUIDE.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 5, "{language}: {blocks:?}");
    blocks
}

/// Returns the non-empty lines without indentation.
fn lines(code: &str) -> Vec<&str> {
    code.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn code_of_guide_is_tested() {
    for (language, sources) in [("ts", TYPESCRIPT), ("python", PYTHON)] {
        for block in blocks(language) {
            let block_lines = lines(block);
            let is_in =
                |source: &str| lines(source).windows(block_lines.len()).any(|window| window == block_lines);
            assert!(sources.into_iter().any(is_in), "no test contains this code block:\n{block}");
        }
    }
    for command in [
        "openapi-typescript openapi.json --default-non-nullable=false --output icp.ts",
        "openapi-python-client generate --path openapi.json --config generator.yaml --meta none --output-path icp_client",
    ] {
        assert!(GUIDE.contains(command), "{command}");
    }
}

#[test]
fn walkthroughs_use_every_operation() {
    let description = std::fs::read_to_string(description()).expect("the file must exist");
    let description: Value = serde_json::from_str(&description).expect("the text must be JSON");
    let (typescript, python) = (TYPESCRIPT.concat(), PYTHON.concat());
    for (path, item) in description["paths"].as_object().expect("the value must be an object") {
        for (method, operation) in item.as_object().expect("the value must be an object") {
            let Some(name) = operation["operationId"].as_str() else { continue };
            let call = format!(".{}(\"{path}\"", method.to_uppercase());
            assert!(typescript.contains(&call), "{name}");
            let mut module = String::new();
            for letter in name.chars() {
                module.extend(letter.is_uppercase().then_some('_'));
                module.push(letter.to_ascii_lowercase());
            }
            assert!(python.contains(&format!("{module}.sync")), "{name}");
        }
    }
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn curl_commands_of_guide_succeed() {
    let stage = Stage::new().await;
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let script = format!(
        "set -eu\ncurl() {{ {:?} \"$@\"; }}\nICP=$ICP_URL TOKEN=$ICP_TOKEN\n{}",
        tool("ICP_TEST_CURL"),
        blocks("sh").into_iter().filter(|block| block.contains("curl ")).collect::<String>()
    );
    let mut shell = tokio::process::Command::new("sh");
    let printed = run(stage.with_variables(shell.arg("-c").arg(script).current_dir(folder.path()))).await;
    let mut rest = printed.as_str();
    // The output of the commands, in this order: list, page, create, conditional read, patch, invalid patch, delete.
    for part in [
        "From Tomorrow",
        "From Tomorrow",
        r#"{"id":"#,
        "304\n",
        r#""leadsPerList":15"#,
        r#""pointer":"/name""#,
        "\n400\n",
        "204\n",
    ] {
        let start = rest.find(part).unwrap_or_else(|| {
            panic!(
                "{part} is not in the rest of the output, which is {rest}; the complete output is {printed}"
            )
        });
        rest = &rest[start + part.len()..];
    }
    let remaining = stage.service.list("user_ada").await.json();
    assert_eq!(remaining.as_array().map(Vec::len), Some(1), "the created ICP must be deleted: {remaining}");
}
