//! The layers of the architecture. `deny.toml` has most rules; this file has the rules that cargo-deny cannot express.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{project, say, tools};

/// Crates without I/O, and their allowed dependencies. `None`: any dependency without I/O.
const PURE: [(&str, Option<&[&str]>); 4] = [
    ("icp-json", Some(&["bytes", "serde", "serde_json", "thiserror"])),
    ("icp-domain", None),
    ("icp-ports", Some(&["async-trait", "icp-domain", "thiserror"])),
    ("icp-storage", Some(&["icp-domain", "icp-ports"])),
];
/// Crates that do I/O.
const IO: [&str; 3] = ["libsqlite3-sys", "mio", "tokio"];
/// The service must not contain them.
const FOR_TESTS: [&str; 3] = ["icp-test-postgres", "icp-testkit", "libtest-mimic"];
/// Crates that need no rule in `deny.toml`: programs, and crates that every crate may use.
const FREE: [&str; 5] = ["from-memory", "icp-app", "icp-domain", "icp-ports", "xtask"];
const WASM: &str = "wasm32-unknown-unknown";

/// Returns true if no rule is violated. Prints the violated rules.
pub(crate) fn run() -> Result<bool> {
    let mut deny = Command::new(tools::cargo_deny()?);
    deny.current_dir(project::root()?).args(["--locked", "check", "-D", "unused-wrapper"]);
    let denied = !project::succeeds(deny.args(["bans", "licenses", "sources"]))?;
    let mut violations = crates_without_rule()?;
    violations.extend(denied.then(|| "deny.toml does not allow a dependency, see above".to_owned()));
    for (name, allowed) in PURE {
        violations.extend(broken(name, "", |one| !IO.contains(&one))?);
        violations.extend(broken(name, "--depth 1", |one| allowed.is_none_or(|all| all.contains(&one)))?);
    }
    violations.extend(broken("icp-app", "", |one| !FOR_TESTS.contains(&one))?);
    violations.extend(adapters()?);
    violations.extend(wasm()?);
    let passed = violations.is_empty();
    say(&if passed { "the layer rules hold".to_owned() } else { violations.join("\n") });
    Ok(passed)
}

fn crates_without_rule() -> Result<Vec<String>> {
    let rules = fs::read_to_string(project::root()?.join("deny.toml")).context("reading deny.toml")?;
    let mut members = tree("--workspace --depth 0")?;
    members.retain(|name| !FREE.contains(&name.as_str()));
    members.retain(|name| !rules.contains(&format!("{{ crate = \"{name}\", wrappers")));
    let remedy = |name| format!("{name}: name the crates that may depend on it in deny.toml");
    Ok(members.into_iter().map(remedy).collect())
}

/// Returns a violation for each crate that depends on a crate that is not allowed.
fn broken(name: &str, depth: &str, is_allowed: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let found = tree(&format!("--package {name} --all-features --edges normal {depth}"))?;
    let found = found.iter().filter(|one| *one != name && !is_allowed(one));
    let see = format!("see crates/xtask/src/layers.rs and `cargo tree -p {name} -e normal -i");
    Ok(found.map(|one| format!("{name} must not depend on {one}: {see} {one}`")).collect())
}

/// Names of crates, which are the first words of lines such as `serde v1.0.0 (*)`.
fn tree(arguments: &str) -> Result<BTreeSet<String>> {
    let mut command = project::cargo(&format!("tree --locked --quiet --prefix none {}", arguments.trim()))?;
    let output = project::output(&mut command)?;
    Ok(output.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// The composition root is `composition.rs`. A rule about crates cannot distinguish it from other files of `icp-app`.
fn adapters() -> Result<Vec<String>> {
    let mut grep = Command::new("grep");
    grep.args(["-rnE", "icp_(clerk|postgres|sqlite)", "crates/app/src", "--exclude=composition.rs"]);
    let found = grep.current_dir(project::root()?).output().context("running grep")?;
    let found = String::from_utf8(found.stdout)?;
    Ok(found.lines().map(|line| format!("{line}: only composition.rs names adapters")).collect())
}

/// The compiler knows the target; its libraries are an extra component.
fn wasm() -> Result<Option<String>> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let libraries = project::output(rustc.args(["--print", "target-libdir", "--target", WASM]))?;
    if !Path::new(&libraries).exists() {
        say(&format!("skipped: icp-domain for WebAssembly (`rustup target add {WASM}`)"));
        return Ok(None);
    }
    let mut check = project::cargo(&format!("check --locked --package icp-domain --target {WASM}"))?;
    Ok((!project::succeeds(&mut check)?).then(|| "icp-domain does not build for WebAssembly".to_owned()))
}
