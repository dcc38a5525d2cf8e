use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::{project, say};

const TARGET: &str = "wasm32-unknown-unknown";
/// Free of I/O, so that a browser can use it.
const CRATE: &str = "icp-domain";

/// Whether the crate builds for the target, or true where the toolchain cannot tell.
pub(super) fn builds() -> Result<bool> {
    if !is_installed()? {
        say(&format!("skipped: {CRATE} builds for {TARGET}: target not installed"));
        return Ok(true);
    }
    let mut command = project::cargo()?;
    let built = project::succeeds(command.args(["check", "--locked", "-p", CRATE, "--target", TARGET]))?;
    say(&format!("{}: {CRATE} builds for {TARGET}", if built { "ok" } else { "BROKEN" }));
    Ok(built)
}

/// The compiler knows of every target; its libraries are there when the target is installed.
fn is_installed() -> Result<bool> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(compiler);
    let folder = project::output(command.args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok(Path::new(folder.trim()).exists())
}
