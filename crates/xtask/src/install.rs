use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{project, say};

/// Debian's package would create a cluster and start it at every boot; this file, there only while the package
/// is installed, has it leave the machine as it is.
const NO_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/icp-no-cluster.conf";

/// How to install a PostgreSQL server with a system's package manager.
struct Manager {
    program: &'static str,
    as_root: bool,
    steps: &'static [&'static [&'static str]],
    /// Runs after the steps, whether or not they succeed.
    clean_up: Option<&'static [&'static str]>,
}

const MANAGERS: &[Manager] = &[
    Manager {
        program: "apt-get",
        as_root: true,
        steps: &[
            &["apt-get", "update"],
            &[
                "sh",
                "-c",
                "mkdir -p \"$(dirname \"$1\")\" && echo 'create_main_cluster = false' >\"$1\"",
                "sh",
                NO_CLUSTER,
            ],
            &[
                "env",
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "install",
                "--yes",
                "--no-install-recommends",
                "postgresql",
            ],
        ],
        clean_up: Some(&["rm", "-f", NO_CLUSTER]),
    },
    Manager {
        program: "dnf",
        as_root: true,
        steps: &[&["dnf", "install", "--assumeyes", "postgresql-server"]],
        clean_up: None,
    },
    Manager {
        program: "brew",
        as_root: false,
        steps: &[&["brew", "install", "postgresql@17"]],
        clean_up: None,
    },
];

/// With the first package manager that is there.
pub(crate) fn postgres() -> Result<()> {
    let advice = "install PostgreSQL 13 or newer, or name a running server in ICP_TEST_DATABASE_URL";
    let Some(manager) = MANAGERS.iter().find(|manager| is_there(manager.program)) else {
        bail!("found none of apt-get, dnf and brew: {advice}");
    };
    let Some(prefix) = prefix(manager.as_root, is_root(), is_there("sudo")) else {
        bail!("installing takes root or sudo: {advice} (`{}`)", last_step(manager));
    };
    let installed = manager.steps.iter().try_for_each(|step| run(prefix, step));
    if let Some(step) = manager.clean_up {
        run(prefix, step)?;
    }
    installed
}

/// What goes before a command so that it may do its work, if anything can.
fn prefix(needs_root: bool, root: bool, sudo: bool) -> Option<&'static [&'static str]> {
    match (needs_root && !root, sudo) {
        (false, _) => Some(&[]),
        (true, true) => Some(&["sudo"]),
        (true, false) => None,
    }
}

fn run(prefix: &[&str], step: &[&str]) -> Result<()> {
    let words = [prefix, step].concat();
    say(&words.join(" "));
    let (program, arguments) = words.split_first().context("an empty command")?;
    if project::succeeds(Command::new(program).args(arguments))? {
        return Ok(());
    }
    bail!("`{}` failed", words.join(" "))
}

fn last_step(manager: &Manager) -> String {
    manager.steps.last().map(|step| step.join(" ")).unwrap_or_default()
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
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
    fn every_manager_ends_by_installing_postgresql() {
        for manager in MANAGERS {
            let step = last_step(manager);
            assert!(step.contains("install") && step.contains("postgresql"), "{step}");
            assert!(step.contains(manager.program), "{step}");
        }
    }
}
