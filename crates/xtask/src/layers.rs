//! The layers of the architecture. `deny.toml` has most rules; this file has those that cargo-deny cannot express.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::{project, say, tools};

/// Crates without I/O, and the dependencies that they may name. `None`: any that does no I/O.
const PURE: [(&str, Option<&[&str]>); 4] = [
    ("icp-json", Some(&["bytes", "serde", "serde_json", "thiserror"])),
    ("icp-domain", None),
    ("icp-ports", Some(&["async-trait", "icp-domain", "thiserror"])),
    ("icp-storage", Some(&["icp-domain", "icp-ports"])),
];
/// Crates that show that something does I/O.
const IO: [&str; 3] = ["libsqlite3-sys", "mio", "tokio"];
/// The service must not contain them.
const FOR_TESTS: [&str; 3] = ["icp-test-postgres", "icp-testkit", "libtest-mimic"];
/// Crates that need no rule in `deny.toml`: programs, and what every crate may use.
const FREE: [&str; 5] = ["from-memory", "icp-app", "icp-domain", "icp-ports", "xtask"];
const ADAPTERS: [&str; 3] = ["icp_clerk", "icp_postgres", "icp_sqlite"];
const WASM: &str = "wasm32-unknown-unknown";

pub(crate) fn run() -> Result<ExitCode> {
    Ok(project::exit_code(hold()?))
}

/// Returns whether every rule holds. Prints those that do not.
pub(crate) fn hold() -> Result<bool> {
    let mut deny = Command::new(tools::cargo_deny()?);
    deny.current_dir(project::root()?).args(["--locked", "check", "-D", "unused-wrapper"]);
    let denied = !project::succeeds(deny.args(["bans", "licenses", "sources"]))?;
    let mut faults: Vec<_> =
        denied.then(|| "deny.toml does not allow a dependency, see above".to_owned()).into_iter().collect();
    faults.extend(crates_without_rule()?);
    for (name, allowed) in PURE {
        faults.extend(reached(name, &IO)?);
        let direct = tree(&["--package", name, "--all-features", "--edges", "normal", "--depth", "1"])?;
        let allowed =
            |one: &String| one == name || allowed.is_none_or(|allowed| allowed.contains(&one.as_str()));
        let extra = direct.iter().filter(|one| !allowed(one));
        faults.extend(
            extra.map(|one| format!("{name} depends on {one}: see PURE in crates/xtask/src/layers.rs")),
        );
    }
    faults.extend(reached("icp-app", &FOR_TESTS)?);
    faults.extend(adapters()?);
    faults.extend(wasm()?);
    for fault in &faults {
        say(fault);
    }
    say(if faults.is_empty() { "the layers hold" } else { "the layers do not hold, see above" });
    Ok(faults.is_empty())
}

fn crates_without_rule() -> Result<Vec<String>> {
    let rules = fs::read_to_string(project::root()?.join("deny.toml")).context("reading deny.toml")?;
    let members = tree(&["--workspace", "--depth", "0"])?.into_iter();
    let without = members.filter(|name| {
        !FREE.contains(&name.as_str()) && !rules.contains(&format!("{{ crate = \"{name}\", wrappers"))
    });
    Ok(without.map(|name| format!("{name}: name the crates that may depend on it in deny.toml")).collect())
}

/// Returns a fault for each of the crates that is built into another.
fn reached(name: &str, banned: &[&str]) -> Result<Vec<String>> {
    let reached = tree(&["--package", name, "--all-features", "--edges", "normal"])?;
    let found = banned.iter().filter(|banned| reached.contains(**banned));
    Ok(found
        .map(|one| format!("{name} reaches {one}: see `cargo tree -p {name} -e normal -i {one}`"))
        .collect())
}

/// Names of crates, which are the first words of lines such as `serde v1.0.0 (*)`.
fn tree(arguments: &[&str]) -> Result<BTreeSet<String>> {
    let mut command = project::cargo(&["tree", "--locked", "--quiet", "--prefix", "none"])?;
    let output = project::output(command.args(arguments))?;
    Ok(output.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// The composition root is `composition.rs`. A rule about a crate cannot tell it from the other files of `icp-app`.
fn adapters() -> Result<Vec<String>> {
    let mut grep = Command::new("grep");
    grep.args(["-rnE", &ADAPTERS.join("|"), "crates/app/src", "--exclude=composition.rs"]);
    let found = grep.current_dir(project::root()?).output().context("running grep")?;
    let found = String::from_utf8(found.stdout)?;
    Ok(found.lines().map(|line| format!("{line}: only composition.rs names adapters")).collect())
}

/// The compiler knows the target; its libraries are an extra component.
fn wasm() -> Result<Option<String>> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let folder = project::output(rustc.args(["--print", "target-libdir", "--target", WASM]))?;
    if !Path::new(folder.trim()).exists() {
        say(&format!("skipped: icp-domain for WebAssembly (`rustup target add {WASM}`)"));
        return Ok(None);
    }
    let check = ["check", "--locked", "--package", "icp-domain", "--target", WASM];
    let built = project::succeeds(&mut project::cargo(&check)?)?;
    Ok((!built).then(|| "icp-domain does not build for WebAssembly, see above".to_owned()))
}
