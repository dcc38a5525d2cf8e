//! Compares the documentation with the sources.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn security_page_names_existing_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let grep = Command::new("grep")
        .args(["-rhE", "fn .*\\(", "--include=*.rs", "crates"])
        .current_dir(root)
        .output();
    let functions = String::from_utf8(grep.unwrap().stdout).unwrap();
    let guards = page.split("## Guards").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let last_columns = guards.lines().filter_map(|row| row.trim_end_matches([' ', '|']).rsplit('|').next());
    let named: Vec<_> = last_columns
        .flat_map(|column| column.split('`').skip(1).step_by(2))
        .filter(|name| !name.contains(' '))
        .collect();
    assert!(named.len() > 40, "only {} are found", named.len());
    for name in named {
        assert!(functions.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}
