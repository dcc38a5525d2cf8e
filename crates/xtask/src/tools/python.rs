use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::packages::{Packages, sources};
use super::{Variable, found_or_installed};
use crate::install::{self, PYTHON};
use crate::{project, say};

const OLDEST: (u32, u32) = (3, 11);
const REQUIREMENTS: &str = "requirements.txt";
/// A system's `python3` may be too old, or lack what a virtual environment takes, while another is there.
const NAMES: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];
const VERSION: &str = "import ensurepip, platform, venv; print(platform.python_version())";

pub(super) fn prepare() -> Result<Vec<Variable>> {
    let (python, version) = found_or_installed(&PYTHON, interpreter)?;
    let packages = Packages::of("python", &[REQUIREMENTS], &version)?;
    let inside = packages.folder.join("bin/python");
    packages.install(|folder| environment(&python, folder, &inside))?;
    say(&format!("using Python {version}, {}", python.display()));
    Ok(vec![("ICP_TEST_PYTHON", inside.into())])
}

fn interpreter() -> Option<(PathBuf, String)> {
    NAMES.iter().find_map(|name| {
        let python = install::find(name)?;
        let version = project::output(Command::new(&python).args(["-c", VERSION])).ok()?.trim().to_owned();
        (numbers(&version) >= OLDEST).then_some((python, version))
    })
}

fn environment(python: &Path, folder: &Path, inside: &Path) -> Result<()> {
    say("python3 -m venv, pip install");
    project::output(Command::new(python).args(["-m", "venv"]).arg(folder))?;
    let requirements = sources("python")?.join(REQUIREMENTS);
    let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    if project::succeeds(Command::new(inside).args(arguments).arg(requirements))? {
        return Ok(());
    }
    bail!("`pip install` failed")
}

/// The first two numbers of a version.
pub(super) fn numbers(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(numbers("3.9.18") < numbers("3.10.0"));
        assert_eq!(numbers("20.20.2"), (20, 20));
    }
}
