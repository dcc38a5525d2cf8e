//! Installing what tests need with the system's package manager.

mod software;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

pub(crate) use self::software::{
    BROWSER, CURL, NODE, POOLER, POOLER_BUILD, POSTGRES, PROXIES, PYTHON, Software, WRK,
};
use crate::{project, say};

type Step = &'static [&'static str];

/// How a system's package manager installs packages.
struct Manager {
    program: &'static str,
    as_root: bool,
    refresh: Option<Step>,
    install: Step,
    packages: fn(&Software) -> Step,
    /// What of a software's own steps goes before and after.
    around: fn(&Software) -> Option<(Step, Step)>,
}

const MANAGERS: [Manager; 3] = [
    Manager {
        program: "apt-get",
        as_root: true,
        refresh: Some(&["apt-get", "update"]),
        install: &[
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "--yes",
            "--no-install-recommends",
        ],
        packages: |software| software.apt,
        around: |software| software.around_apt,
    },
    Manager {
        program: "dnf",
        as_root: true,
        refresh: None,
        install: &["dnf", "install", "--assumeyes"],
        packages: |software| software.dnf,
        around: |_| None,
    },
    Manager {
        program: "brew",
        as_root: false,
        refresh: None,
        install: &["brew", "install"],
        packages: |software| software.brew,
        around: |_| None,
    },
];

/// With the first package manager that is there.
pub(crate) fn install(software: &Software) -> Result<()> {
    let advice = software.advice;
    let Some(manager) = MANAGERS.iter().find(|manager| find(manager.program).is_some()) else {
        bail!("found none of apt-get, dnf and brew: {advice}");
    };
    let install = [manager.install, (manager.packages)(software)].concat();
    let Some(prefix) = prefix(manager.as_root, is_root(), find("sudo").is_some()) else {
        bail!("installing takes root or sudo: {advice} (`{}`)", install.join(" "));
    };
    say(&format!("installing {}", software.name));
    if let Some(refresh) = manager.refresh {
        run(prefix, refresh)?;
    }
    let Some((before, after)) = (manager.around)(software) else {
        return run(prefix, &install);
    };
    let installed = run(prefix, before).and_then(|()| run(prefix, &install));
    // Whether or not it went well.
    run(prefix, after)?;
    installed
}

/// What goes before a command so that it may do its work, if anything can.
fn prefix(needs_root: bool, root: bool, sudo: bool) -> Option<Step> {
    match (needs_root && !root, sudo) {
        (false, _) => Some(&[]),
        (true, true) => Some(&["sudo"]),
        (true, false) => None,
    }
}

fn run(prefix: Step, step: &[&str]) -> Result<()> {
    let words = [prefix, step].concat();
    say(&words.join(" "));
    let (program, arguments) = words.split_first().context("an empty command")?;
    if project::succeeds(Command::new(program).args(arguments))? {
        return Ok(());
    }
    bail!("`{}` failed", words.join(" "))
}

/// A program on the `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps servers where not everybody looks.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|program| program.is_file())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").stderr(Stdio::null()).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_is_used_only_where_it_takes_root_and_we_are_not() {
        assert_eq!(prefix(true, true, false), Some([].as_slice()));
        assert_eq!(prefix(true, false, true), Some(["sudo"].as_slice()));
        assert_eq!(prefix(true, false, false), None);
        assert_eq!(prefix(false, false, true), Some([].as_slice()));
    }

    #[test]
    fn every_manager_knows_what_to_install() {
        for manager in &MANAGERS {
            assert!(manager.install.contains(&manager.program) && manager.install.contains(&"install"));
            for software in [&POSTGRES, &NODE, &PYTHON, &CURL, &BROWSER, &POOLER, &POOLER_BUILD, &WRK] {
                assert!(!(manager.packages)(software).is_empty(), "{}: {}", manager.program, software.name);
            }
        }
    }
}
