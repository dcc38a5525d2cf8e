use anyhow::Result;

use crate::{layers, project, say};

const COMMANDS: [&str; 4] = [
    "fmt --all --check",
    "fmt --check --manifest-path benches/peer/Cargo.toml",
    "clippy --workspace --all-targets --locked -- -D warnings",
    "doc --workspace --no-deps --locked",
];

/// Runs every check, so that one run shows all failures.
pub(crate) fn run() -> Result<bool> {
    let mut passed = layers::run()?;
    for command in COMMANDS {
        say(&format!("cargo {command}"));
        passed &= project::succeeds(project::cargo(command)?.env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    say(if passed { "all checks passed" } else { "some checks failed, see above" });
    Ok(passed)
}
