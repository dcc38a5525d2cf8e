//! What comes from elsewhere: whether it may, and a list of it. Both are the work of programs that not every machine has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::{project, say, verdict};

/// A subcommand of cargo, and what installs it.
struct Tool {
    subcommand: &'static str,
    installation: &'static str,
}

const DENY: Tool = Tool { subcommand: "deny", installation: "cargo install cargo-deny --locked" };
const CYCLONE_DX: Tool =
    Tool { subcommand: "cyclonedx", installation: "cargo install cargo-cyclonedx --locked" };

/// The name of no file that there is otherwise.
const FILE: &str = "icp-sbom";
const CRATE: &str = "crates/app";
const RESULT: &str = "target/icp-sbom.json";

/// Whether licences, crates and their sources are those that `deny.toml` allows, or true where nobody can tell.
pub(crate) fn is_allowed() -> Result<bool> {
    const CHECK: &[&str] = &["deny", "--offline", "--all-features", "check", "licenses", "bans", "sources"];
    if !DENY.is_installed()? {
        say(&format!("skipped: licences, crates and sources: {} would do it", DENY.installation));
        return Ok(true);
    }
    let allowed = project::succeeds(project::cargo()?.args(CHECK))?;
    say(&format!("{}: licences, crates and sources", if allowed { "ok" } else { "BROKEN" }));
    Ok(allowed)
}

/// Writes what the program is made of, as a bill of materials.
pub(crate) fn list() -> Result<ExitCode> {
    if !CYCLONE_DX.is_installed()? {
        bail!("cargo-cyclonedx is missing: {}", CYCLONE_DX.installation);
    }
    let root = project::root()?;
    let mut command = project::cargo()?;
    command.args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--no-build-deps"]);
    command.args(["--override-filename", FILE]);
    let written = project::succeeds(&mut command)?;
    // It writes one beside each crate's manifest, whichever is asked for.
    let mut files = Vec::new();
    find(&root.join("crates"), &mut files)?;
    let own = root.join(CRATE).join(FILE).with_extension("json");
    let kept = root.join(RESULT);
    if written {
        fs::create_dir_all(root.join("target"))?;
        fs::copy(&own, &kept).with_context(|| format!("there is no {}", own.display()))?;
        say(&format!("wrote {RESULT}"));
    }
    for file in files {
        fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
    }
    Ok(verdict(written))
}

impl Tool {
    fn is_installed(&self) -> Result<bool> {
        let mut command = project::cargo()?;
        let answer = command.args([self.subcommand, "--version"]).output();
        Ok(answer.with_context(|| format!("running {command:?}"))?.status.success())
    }
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            find(&entry.path(), files)?;
        } else if entry.path().with_extension("").file_name().is_some_and(|name| name == FILE) {
            files.push(entry.path());
        }
    }
    Ok(())
}
