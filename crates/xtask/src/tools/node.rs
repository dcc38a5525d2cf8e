use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::packages::{Packages, sources};
use super::{Variable, found_or_installed, python};
use crate::install::{self, NODE};
use crate::{project, say};

/// What Debian 12 has; Spectral takes nothing older.
const OLDEST: (u32, u32) = (18, 18);
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

pub(super) fn prepare() -> Result<Vec<Variable>> {
    let (node, npm) = found_or_installed(&NODE, programs)?;
    let version = project::output(Command::new(&node).arg("--version"))?;
    let version = version.trim().trim_start_matches('v');
    if python::numbers(version) < OLDEST {
        bail!("{} is of version {version}: {}", node.display(), NODE.advice);
    }
    let packages = Packages::of("typescript", &FILES, version)?;
    packages.install(|folder| ci(&npm, folder))?;
    say(&format!("using Node.js {version}, {}", node.display()));
    Ok(vec![
        ("ICP_TEST_NODE", node.into()),
        ("ICP_TEST_NODE_MODULES", packages.folder.join("node_modules").into()),
    ])
}

fn programs() -> Option<(PathBuf, PathBuf)> {
    Some((install::find("node")?, install::find("npm")?))
}

fn ci(npm: &Path, folder: &Path) -> Result<()> {
    let sources = sources("typescript")?;
    for file in FILES {
        fs::copy(sources.join(file), folder.join(file)).with_context(|| format!("copying {file}"))?;
    }
    say("npm ci");
    // No package of ours needs to run anything when it is installed.
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    if project::succeeds(Command::new(npm).args(arguments).current_dir(folder))? {
        return Ok(());
    }
    bail!("`npm ci` failed")
}
