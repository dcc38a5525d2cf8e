//! A server that is measured: a process of ours, which ends with the value.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use super::http::{Request, send};
use crate::project;

/// The programs, as cargo has built them.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    pub(super) profile: &'static str,
}

impl Programs {
    /// The service, and the server that answers from memory. One command builds both, so that they share their crates.
    pub(super) fn build(release: bool) -> Result<Self> {
        let profile = if release { "release" } else { "dev" };
        let mut command = project::cargo()?;
        command.args(["build", "--locked", "--bins", "--profile", profile]);
        if release {
            command.args(["-p", "icp-app", "-p", "from-memory"]);
        } else {
            // With the features that the tests have, so that what they have built is used.
            command.args(["--workspace", "--tests"]);
        }
        if !project::succeeds(&mut command)? {
            bail!("the service does not build");
        }
        let folder = project::target()?.join(if release { "release" } else { "debug" });
        Ok(Self { folder, profile })
    }

    /// Those that were built before and put there.
    pub(super) fn given(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| format!("looking for {}", folder.display()))?;
        Ok(Self { folder, profile: "given" })
    }

    /// `icp` in a folder, with no settings but these.
    pub(super) fn icp(&self, folder: &Path, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(self.folder.join("icp"));
        command.current_dir(folder).env_clear().envs(settings.iter().copied().collect::<HashMap<_, _>>());
        command
    }

    /// The service on a database. It logs warnings, to a file of that name; its other settings are the defaults.
    pub(super) fn serve(&self, folder: &Path, database: &str, log: &str) -> Result<Service> {
        self.serve_with(folder, database, log, &[])
    }

    /// The same that keeps no list: each is read.
    pub(super) fn serve_forgetful(&self, folder: &Path, database: &str, log: &str) -> Result<Service> {
        self.serve_with(folder, database, log, &[("ICP__SERVER__LIST_CACHE_KILOBYTES", "0")])
    }

    fn serve_with(&self, folder: &Path, database: &str, log: &str, more: &[(&str, &str)]) -> Result<Service> {
        let settings =
            [("ICP__SERVER__PORT", "0"), ("ICP__LOG__LEVEL", "warn"), ("ICP__DATABASE__URL", database)];
        let mut command = self.icp(folder, &[&settings, more].concat());
        command.arg("serve");
        Service::start(command, &folder.join(log))
    }

    pub(super) fn memory(&self, bodies: &Path) -> Command {
        let mut command = Command::new(self.folder.join("from-memory"));
        command.arg(bodies);
        command
    }
}

/// Waits until nobody holds the other end of its input, and then ends a process.
const GUARD: &str = "cat >/dev/null; kill -s KILL \"$1\"";

#[derive(Debug)]
pub(super) struct Service {
    child: Child,
    /// Ends it should we be killed: there is no `Drop` then.
    guard: Child,
    /// Host and port.
    address: String,
    /// Kept open: it may have more to say.
    _greeting: BufReader<ChildStdout>,
}

impl Service {
    /// Returns when it listens. What it logs goes to a file.
    pub(super) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("making {}", log.display()))?;
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().with_context(|| format!("running {command:?}"))?;
        let guard = guard(child.id());
        if guard.is_err() {
            let _ = child.kill();
        }
        let guard = guard?;
        let mut greeting = BufReader::new(child.stdout.take().context("its output is piped")?);
        let mut line = String::new();
        greeting.read_line(&mut line).context("reading where it listens")?;
        let address = line.trim().split_once(" listens on http://").map(|(_, address)| address.to_owned());
        let service =
            Self { child, guard, address: address.clone().unwrap_or_default(), _greeting: greeting };
        if address.is_none() {
            bail!("{command:?} does not listen: {}", fs::read_to_string(log).unwrap_or_default());
        }
        Ok(service)
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// What it counts of requests that it failed or turned away, for whoever wonders why.
    pub(super) fn failures(&self) -> String {
        let metrics =
            send(&self.address, &Request::get("/metrics")).map(|answer| answer.body).unwrap_or_default();
        let told = |line: &&str| {
            let failed = line.contains("_count{") && line.contains("status=\"5");
            failed || line.starts_with("icp_http_requests_refused")
        };
        metrics.lines().filter(told).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

/// In a process group of its own, so that Ctrl-C does not reach it.
fn guard(process: u32) -> Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GUARD, "icp-bench-guard", &process.to_string()]).process_group(0);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("starting the process that cleans up")
}

/// The guard goes first: the number of a process that has been waited for may be another's soon.
impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
