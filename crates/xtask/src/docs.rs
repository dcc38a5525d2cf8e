//! What the documentation says of the sources.

use std::fs;
use std::path::Path;

use crate::project;

/// The sources of all crates, in one text.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(extension) if extension == "rs" => fs::read_to_string(&path).expect("a text"),
            _ => String::new(),
        })
        .collect()
}

#[test]
fn the_page_on_security_names_tests_that_there_are() {
    let root = project::root().expect("the project");
    let page = fs::read_to_string(root.join("docs/security.md")).expect("the page");
    let sources = sources(&root.join("crates"));
    let guards = page.split("## Guards").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a part");
    let last_columns = guards.lines().filter_map(|row| row.trim_end_matches([' ', '|']).rsplit('|').next());
    let named: Vec<_> = last_columns
        .flat_map(|column| column.split('`').skip(1).step_by(2))
        .filter(|name| !name.contains(' '))
        .collect();
    assert!(named.len() > 40, "only {} are found", named.len());
    for name in named {
        assert!(sources.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}
