use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::{project, say};

const FILE: &str = "icp-sbom.json";

/// Writes the components of the program to `target/icp-sbom.json`.
pub(crate) fn run() -> Result<ExitCode> {
    let installed = project::cargo(&["cyclonedx", "--version"])?.output()?.status.success();
    ensure!(installed, "cargo-cyclonedx is missing: `cargo install cargo-cyclonedx --locked`");
    let (root, target) = (project::root()?, project::target()?.join(FILE));
    let arguments = ["cyclonedx", "--format", "json", "--spec-version", "1.5", "--no-build-deps"];
    project::run(project::cargo(&arguments)?.args(["--override-filename", "icp-sbom"]))?;
    fs::copy(root.join("crates/app").join(FILE), &target).context("copying the file of icp-app")?;
    // cargo-cyclonedx writes one file per crate.
    project::run(Command::new("find").arg(root.join("crates")).args(["-name", FILE, "-delete"]))?;
    say(&format!("wrote {}", target.display()));
    Ok(ExitCode::SUCCESS)
}
