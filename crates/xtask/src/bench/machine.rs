//! What was measured on, and with.

use std::fs;
use std::process::Command;

use serde::Serialize;

use crate::project;

#[derive(Debug, Serialize)]
pub(super) struct Machine {
    cores: usize,
    cpu: String,
    kernel: String,
}

impl Machine {
    pub(super) fn this() -> Self {
        let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cores, cpu: model(&information).to_owned(), kernel: kernel.trim().to_owned() }
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        let plural = if self.cores == 1 { "" } else { "s" };
        format!("{} core{plural} of {}, Linux {}", self.cores, self.cpu, self.kernel)
    }
}

/// Of the line `model name : AMD EPYC`.
fn model(information: &str) -> &str {
    let line = information.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(':')).map_or("an unknown CPU", |(_, model)| model.trim())
}

#[derive(Debug, Serialize)]
pub(super) struct Versions {
    icp: &'static str,
    commit: String,
    profile: &'static str,
    rustc: String,
    postgres: String,
    wrk: String,
}

impl Versions {
    pub(super) fn of(profile: &'static str, postgres: String) -> Self {
        let said = |mut command: Command| project::output(&mut command).unwrap_or_default().trim().to_owned();
        let mut git = Command::new("git");
        git.args(["describe", "--always", "--dirty", "--exclude=*"]);
        let mut rustc = Command::new("rustc");
        rustc.arg("--version");
        // It takes the question for a mistake.
        let wrk = Command::new("wrk").arg("--version").output();
        let wrk = wrk.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let wrk = wrk.split(" [").next().unwrap_or_default().to_owned();
        Self { icp: env!("CARGO_PKG_VERSION"), commit: said(git), profile, rustc: said(rustc), postgres, wrk }
    }
}

#[cfg(test)]
mod tests {
    use super::model;

    #[test]
    fn the_model_is_found() {
        assert_eq!(model("processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: x\n"), "AMD EPYC");
        assert_eq!(model(""), "an unknown CPU");
    }
}
