//! `docs/how-to/clients.md` shows code that is tested.

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

/// Returns the code of the guide in one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks: Vec<_> =
        GUIDE.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 5, "{language}: {blocks:?}");
    blocks
}

/// Returns the lines without indentation.
fn lines(code: &str) -> Vec<&str> {
    code.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn code_of_guide_is_tested() {
    for (language, sources) in [("ts", TYPESCRIPT), ("python", PYTHON)] {
        for block in blocks(language) {
            let shown = lines(block);
            let is_in = |source: &str| lines(source).windows(shown.len()).any(|window| window == shown);
            assert!(sources.into_iter().any(is_in), "no test has:\n{block}");
        }
    }
    for generate in [
        "openapi-typescript openapi.json --default-non-nullable=false --output icp.ts",
        "openapi-python-client generate --path openapi.json --config generator.yaml --meta none --output-path icp_client",
    ] {
        assert!(GUIDE.contains(generate), "{generate}");
    }
}

#[test]
fn walkthroughs_use_every_operation() {
    let description = std::fs::read_to_string(description()).expect("it is there");
    let description: Value = serde_json::from_str(&description).expect("it is JSON");
    let (typescript, python) = (TYPESCRIPT.concat(), PYTHON.concat());
    for (path, item) in description["paths"].as_object().expect("an object") {
        for (method, operation) in item.as_object().expect("an object") {
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
async fn curl_lines_of_guide_work() {
    let stage = Stage::new().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = format!(
        "set -eu\ncurl() {{ {:?} \"$@\"; }}\nICP=$ICP_URL TOKEN=$ICP_TOKEN\n{}",
        tool("ICP_TEST_CURL"),
        blocks("sh").into_iter().filter(|block| block.contains("curl ")).collect::<String>()
    );
    let mut shell = tokio::process::Command::new("sh");
    let printed = run(stage.tell(shell.arg("-c").arg(script).current_dir(folder.path()))).await;
    let mut rest = printed.as_str();
    // List, page, create, read again, change, err, delete.
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
        let at = rest.find(part).unwrap_or_else(|| panic!("{part} is not in {rest}, of {printed}"));
        rest = &rest[at + part.len()..];
    }
    let left = stage.service.list("user_ada").await.json();
    assert_eq!(left.as_array().map(Vec::len), Some(1), "what was created is deleted: {left}");
}
