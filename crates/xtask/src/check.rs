use std::process::ExitCode;

use anyhow::Result;

use crate::{layers, project, say, supply, verdict};

const CLIPPY: &[&str] = &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
const DOC: &[&str] = &["doc", "--workspace", "--no-deps", "--locked"];

/// Goes through all of them, so that one run shows everything that is wrong.
pub(crate) fn run() -> Result<ExitCode> {
    let mut passed = true;
    for arguments in [&["fmt", "--all", "--check"], CLIPPY, DOC] {
        say(&format!("cargo {}", arguments.join(" ")));
        let mut command = project::cargo()?;
        passed &= project::succeeds(command.args(arguments).env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    passed &= layers::hold()?;
    passed &= supply::is_allowed()?;
    say(if passed { "all checks passed" } else { "some checks failed, see above" });
    Ok(verdict(passed))
}
