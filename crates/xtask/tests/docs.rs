//! Compares the documentation with the sources.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every page in the repository.
fn pages() -> Vec<PathBuf> {
    let arguments = ["ls-files", "-co", "--exclude-standard", "*.md"];
    let files = Command::new("git").args(arguments).current_dir(root()).output();
    let files = String::from_utf8(files.unwrap().stdout).unwrap();
    let pages: Vec<_> = files.lines().map(|name| root().join(name)).filter(|path| path.exists()).collect();
    assert!(pages.len() > 40, "{}", pages.len());
    pages
}

/// The text of a page outside its code blocks.
fn prose(page: &Path) -> String {
    fs::read_to_string(page).unwrap().split("```").step_by(2).collect()
}

/// The anchors of a page, as GitHub makes them from headings.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = prose(page);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        heading.chars().filter(|next| next.is_alphanumeric() || "-_".contains(*next)).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut count = 0;
    for page in pages() {
        let text = prose(&page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let images = text.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for link in links.chain(images) {
            // Skips links to other sites, and rustdoc links of crates.
            if link.contains(':') {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link}", page.display());
            assert!(anchor.is_empty() || anchors(&target).contains(anchor), "{}: {link}", page.display());
            count += 1;
        }
    }
    assert!(count > 200, "{count}");
}

#[test]
fn index_links_to_every_page() {
    let docs = root().join("docs");
    let index = prose(&docs.join("README.md"));
    let decisions = prose(&docs.join("decisions/README.md"));
    for page in pages().iter().filter_map(|page| page.strip_prefix(&docs).ok()) {
        let (list, name) = match page.strip_prefix("decisions") {
            Ok(decision) if decision != Path::new("README.md") => (&decisions, decision),
            _ => (&index, page),
        };
        let link = format!("]({})", name.display());
        assert!(name == Path::new("README.md") || list.contains(&link), "the index lacks {}", page.display());
    }
}

#[test]
fn every_decision_has_date_and_status() {
    for page in
        pages().iter().filter(|page| page.parent().is_some_and(|folder| folder.ends_with("decisions")))
    {
        let text = fs::read_to_string(page).unwrap();
        let line = text.lines().nth(2).unwrap();
        let is_index = page.ends_with("README.md");
        let has_date = line.starts_with("Date: 20") && line.contains(". Status: ");
        assert!(is_index || has_date, "{}: {line}", page.display());
    }
}

/// The reasons of refused sign-ins are literals in the adapter for Clerk.
#[test]
fn reference_has_every_sign_in_verdict() {
    let sources = root().join("crates/adapters/clerk/src");
    let page = fs::read_to_string(root().join("docs/reference/metrics.md")).unwrap();
    let (_, section) = page.split_once("## Sign-in verdicts").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let first_columns = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let documented: BTreeSet<_> = first_columns.flat_map(|column| column.split('`').step_by(2)).collect();
    let mut code = String::new();
    for entry in fs::read_dir(&sources).unwrap().chain(fs::read_dir(sources.join("keys")).unwrap()) {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("tests.rs") {
            code += fs::read_to_string(path).unwrap().split("#[cfg(test)]").next().unwrap();
        }
    }
    let mut used = BTreeSet::from(["accepted", "unavailable", "insufficient_scope"]);
    for start in ["Rejection::of(", "Rejection::Refused("] {
        used.extend(code.split(start).skip(1).filter_map(literal));
    }
    // The second argument of `require`.
    let arguments = code.split(", \"").skip(1).filter_map(|rest| rest.split_once("\")"));
    let is_reason = |text: &&str| text.chars().all(|next| next == '_' || next.is_ascii_lowercase());
    used.extend(arguments.map(|(reason, _)| reason).filter(is_reason));
    assert_eq!(documented, used);
}

/// The string literal with which a text begins.
fn literal(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.split('"').next()
}

#[test]
fn tables_name_existing_tests() {
    let root = root();
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
        assert!(named.len() > least, "only {} names are found in {page}", named.len());
        for name in named {
            assert!(functions.contains(&format!("fn {name}(")), "{page}: there is no test {name}");
        }
    }
}

/// An unquoted scalar of YAML ends at a colon with a space.
#[test]
fn texts_of_alerts_are_valid_yaml() {
    let alerts = fs::read_to_string(root().join("deploy/prometheus-alerts.yml")).unwrap();
    let mut texts = 0;
    for line in alerts.lines() {
        let line = line.trim_start();
        let text = line.strip_prefix("summary: ").or_else(|| line.strip_prefix("description: "));
        if let Some(text) = text {
            assert!(!text.contains(": ") && !text.contains(" #"), "{text}");
            texts += 1;
        }
    }
    assert!(texts > 5);
}

#[test]
fn alerts_are_in_troubleshooting() {
    let alerts = fs::read_to_string(root().join("deploy/prometheus-alerts.yml")).unwrap();
    let page = fs::read_to_string(root().join("docs/how-to/troubleshoot.md")).unwrap();
    for alert in alerts.lines().filter_map(|line| line.trim_start().strip_prefix("- alert: ")) {
        assert!(page.contains(&format!("| `{alert}` |")), "{alert}");
    }
}
