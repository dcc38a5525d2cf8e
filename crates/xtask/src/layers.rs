//! The layers of the architecture. `deny.toml` has most rules; this file has the rules that cargo-deny cannot express.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{project, say, tools};

/// Crates without I/O, and their allowed dependencies. `None` allows every dependency without I/O.
const CRATES_WITHOUT_IO: [(&str, Option<&[&str]>); 4] = [
    ("icp-json", Some(&["bytes", "serde", "serde_json", "thiserror"])),
    ("icp-domain", None),
    ("icp-ports", Some(&["async-trait", "icp-domain", "thiserror"])),
    ("icp-storage", Some(&["icp-domain", "icp-ports"])),
];
/// Crates that do I/O.
const IO_CRATES: [&str; 3] = ["libsqlite3-sys", "mio", "tokio"];
/// Crates for tests, which the service must not contain.
const TEST_CRATES: [&str; 3] = ["icp-test-postgres", "icp-testkit", "libtest-mimic"];
/// Crates that need no rule in `deny.toml`: programs, and crates that every crate may use.
const CRATES_WITHOUT_RULE: [&str; 5] = ["from-memory", "icp-app", "icp-domain", "icp-ports", "xtask"];
const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Returns true if no rule is violated. Prints the violated rules.
pub(crate) fn run() -> Result<bool> {
    let mut deny = Command::new(tools::cargo_deny()?);
    deny.current_dir(project::root()?).args(["--locked", "check", "-D", "unused-wrapper"]);
    let denied = !project::succeeds(deny.args(["bans", "licenses", "sources"]))?;
    let mut violations = crates_without_rule()?;
    violations.extend(denied.then(|| "deny.toml does not allow a dependency, see above".to_owned()));
    for (name, allowed) in CRATES_WITHOUT_IO {
        violations.extend(forbidden_dependencies(name, "", |one| !IO_CRATES.contains(&one))?);
        let is_allowed = |one: &str| allowed.is_none_or(|all| all.contains(&one));
        violations.extend(forbidden_dependencies(name, "--depth 1", is_allowed)?);
    }
    violations.extend(forbidden_dependencies("icp-app", "", |one| !TEST_CRATES.contains(&one))?);
    violations.extend(adapters_named_outside_composition()?);
    violations.extend(wasm_failure()?);
    let passed = violations.is_empty();
    say(&if passed { "the layer rules hold".to_owned() } else { violations.join("\n") });
    Ok(passed)
}

/// Returns a violation for each crate that `deny.toml` does not name.
fn crates_without_rule() -> Result<Vec<String>> {
    let rules = fs::read_to_string(project::root()?.join("deny.toml")).context("reading deny.toml")?;
    let mut members = tree("--workspace --depth 0")?;
    members.retain(|name| !CRATES_WITHOUT_RULE.contains(&name.as_str()));
    members.retain(|name| !rules.contains(&format!("{{ crate = \"{name}\", wrappers")));
    let remedy = |name| format!("{name}: name the crates that may depend on it in deny.toml");
    Ok(members.into_iter().map(remedy).collect())
}

/// Returns a violation for each dependency of a crate that is not allowed. `depth` is empty or an option of `cargo tree`.
fn forbidden_dependencies(name: &str, depth: &str, is_allowed: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let found = tree(&format!("--package {name} --all-features --edges normal {depth}"))?;
    let found = found.iter().filter(|one| *one != name && !is_allowed(one));
    let see = format!("see crates/xtask/src/layers.rs and `cargo tree -p {name} -e normal -i");
    Ok(found.map(|one| format!("{name} must not depend on {one}: {see} {one}`")).collect())
}

/// Returns the names of the crates that `cargo tree` prints, which are the first words of its lines.
fn tree(arguments: &str) -> Result<BTreeSet<String>> {
    let mut command = project::cargo(&format!("tree --locked --quiet --prefix none {}", arguments.trim()))?;
    let output = project::output(&mut command)?;
    Ok(output.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// Returns the lines outside `composition.rs` that name an adapter. cargo-deny cannot distinguish files of a crate.
fn adapters_named_outside_composition() -> Result<Vec<String>> {
    let mut grep = Command::new("grep");
    grep.args(["-rnE", "icp_(clerk|postgres|sqlite)", "crates/app/src", "--exclude=composition.rs"]);
    let found = grep.current_dir(project::root()?).output().context("running grep")?;
    let found = String::from_utf8(found.stdout)?;
    Ok(found.lines().map(|line| format!("{line}: only composition.rs names adapters")).collect())
}

/// Checks that the domain builds for WebAssembly. Skips the check if the libraries of this target are not installed.
fn wasm_failure() -> Result<Option<String>> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let libraries = project::output(rustc.args(["--print", "target-libdir", "--target", WASM_TARGET]))?;
    if !Path::new(&libraries).exists() {
        say(&format!("skipped: icp-domain for WebAssembly (`rustup target add {WASM_TARGET}`)"));
        return Ok(None);
    }
    let mut check = project::cargo(&format!("check --locked --package icp-domain --target {WASM_TARGET}"))?;
    Ok((!project::succeeds(&mut check)?).then(|| "icp-domain does not build for WebAssembly".to_owned()))
}
