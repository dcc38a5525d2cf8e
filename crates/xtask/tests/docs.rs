//! Compares the documentation with the sources.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn tables_name_existing_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let grep = Command::new("grep")
        .args(["-rhE", "fn .*\\(", "--include=*.rs", "crates"])
        .current_dir(&root)
        .output();
    let functions = String::from_utf8(grep.unwrap().stdout).unwrap();
    for (page, least, end) in [
        ("docs/explanation/security.md", 60, "## Known limits"),
        ("docs/reference/limits.md", 25, "## The search"),
    ] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        let tables = text.split(end).next().unwrap();
        let rows = tables.lines().filter(|line| line.starts_with("| "));
        let last_columns = rows.filter_map(|row| row.trim_end_matches([' ', '|']).rsplit('|').next());
        let named: Vec<_> = last_columns
            .flat_map(|column| column.split('`').skip(1).step_by(2))
            .filter(|name| name.contains('_') && !name.contains(' '))
            .collect();
        assert!(named.len() > least, "only {} are found in {page}", named.len());
        for name in named {
            assert!(functions.contains(&format!("fn {name}(")), "{page}: there is no test {name}");
        }
    }
}
