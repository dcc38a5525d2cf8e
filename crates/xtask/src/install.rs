//! Finds or installs the programs that the commands need.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{project, say};

/// The names of Debian packages that a command needs, and a hint for systems without apt.
#[derive(Clone, Copy)]
pub(crate) struct Need(&'static [&'static str], &'static str);

pub(crate) const POSTGRES: Need = Need(
    &["postgresql"],
    "PostgreSQL 13 or newer (dnf: postgresql-server postgresql-contrib, brew: postgresql@17), or set ICP_TEST_DATABASE_URL",
);
pub(crate) const WRK: Need = Need(&["wrk"], "wrk 4");
pub(crate) const CURL: Need = Need(&["curl"], "curl 7.76 or newer");
pub(crate) const NODE: Need = Need(&["nodejs", "npm"], "Node.js 18.18 or newer, and npm");
pub(crate) const PYTHON: Need = Need(&["python3", "python3-venv"], "Python 3.11 or newer, with venv and pip");
pub(crate) const BROWSER: Need =
    Need(&["chromium", "chromium-driver"], "Chromium or Chrome, and chromedriver of the same version");
pub(crate) const PROXIES: Need = Need(&["nginx-light", "haproxy"], "nginx and HAProxy");
pub(crate) const POOLER: Need =
    Need(&["gcc", "make", "dpkg-dev", "pkg-config", "libevent-dev"], "PgBouncer 1.21 or newer");

/// Returns the result of `find`. If it finds nothing, installs the packages and calls it again.
pub(crate) fn find_or_install<T>(need: &Need, find: impl Fn() -> Option<T>) -> Result<T> {
    if let Some(found) = find() {
        return Ok(found);
    }
    install(need)?;
    find().with_context(|| format!("a program is still missing or too old: install {}", need.1))
}

/// Installs the packages with apt.
pub(crate) fn install(Need(names, advice): &Need) -> Result<()> {
    ensure!(find("apt-get").is_some(), "a program is missing: install {advice}");
    say(&format!("installing with apt-get: {}", names.join(" ")));
    let root = project::output(Command::new("id").arg("-u"))? == "0";
    let command = &mut Command::new(if root { "env" } else { "sudo" });
    let arguments = ["sh", "-c", include_str!("install.sh"), "install"];
    project::run(command.args(arguments).args(*names)).with_context(|| format!("install {advice}"))
}

/// Finds a program on the `PATH`, or in the folder in which Debian installs servers.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|program| program.is_file())
}
