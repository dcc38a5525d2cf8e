use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Returns the folder of the workspace.
pub(crate) fn root() -> Result<PathBuf> {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let root = PathBuf::from(own).join("../..");
    root.canonicalize().with_context(|| format!("looking for {}", root.display()))
}

/// Returns Cargo's target directory.
pub(crate) fn target() -> Result<PathBuf> {
    let root = root()?;
    Ok(std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder)))
}

/// Returns a cargo command that runs in the folder of the workspace. `arguments` are separated by spaces.
pub(crate) fn cargo(arguments: &str) -> Result<Command> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()?).args(arguments.split(' '));
    Ok(command)
}

/// Returns the standard output of a command, without the white space at its end. An error contains the standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {}", error.trim());
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// Runs a command whose output the user sees. Returns true if it succeeds.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    Ok(command.status().with_context(|| format!("running {command:?}"))?.success())
}

/// Runs a command whose output the user sees. Fails if the command fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    ensure!(succeeds(command)?, "{command:?} failed");
    Ok(())
}
