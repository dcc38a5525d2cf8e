use std::process::ExitCode;

use anyhow::Result;

use crate::{layers, project, say};

const PEER: &str = "benches/peer/Cargo.toml";
const COMMANDS: [&[&str]; 4] = [
    &["fmt", "--all", "--check"],
    &["fmt", "--check", "--manifest-path", PEER],
    &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    &["doc", "--workspace", "--no-deps", "--locked"],
];

/// Runs every check, so that one run shows everything that is wrong.
pub(crate) fn run() -> Result<ExitCode> {
    let mut passed = layers::hold()?;
    for arguments in COMMANDS {
        say(&format!("cargo {}", arguments.join(" ")));
        passed &= project::succeeds(project::cargo(arguments)?.env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    say(if passed { "all checks passed" } else { "some checks failed, see above" });
    Ok(project::exit_code(passed))
}
