//! The benchmarked servers, as child processes.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};

use crate::project;

/// Builds the programs, and returns their folder.
pub(super) fn build(release: bool) -> Result<PathBuf> {
    let target = project::target()?;
    if !release {
        // CI has built these programs for its tests. The quick run has no peer.
        project::run(&mut project::cargo("build --locked --workspace --bins --tests")?)?;
        return Ok(target.join("debug"));
    }
    project::run(&mut project::cargo("build --locked --release --bins -p icp-app -p from-memory")?)?;
    let mut peer = project::cargo("build --locked --release --manifest-path benches/peer/Cargo.toml")?;
    project::run(peer.arg("--target-dir").arg(target.join("peer")))?;
    fs::copy(target.join("peer/release/peer"), target.join("release/peer")).context("copying the peer")?;
    Ok(target.join("release"))
}

/// Returns a command without environment variables. Linux kills the program when the thread that starts it ends.
pub(super) fn command(programs: &Path, name: &str, folder: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(programs.join(name));
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

pub(super) struct Service {
    child: Child,
    pub(super) address: String,
    /// Stays open, because a server may fail if it prints another line to a closed standard output.
    output: BufReader<ChildStdout>,
}

impl Service {
    /// Starts a server, and waits until it prints `... listens on http://ADDRESS`.
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let child = command.stdout(Stdio::piped()).stderr(File::create(log)?).spawn();
        let mut child = child.with_context(|| format!("running {command:?}"))?;
        let output = BufReader::new(child.stdout.take().context("standard output must be piped")?);
        let mut service = Self { child, address: String::new(), output };
        let mut line = String::new();
        service.output.read_line(&mut line).context("reading the address of the server")?;
        let address = line.trim().split_once(" listens on http://").map(|(_, address)| address.to_owned());
        service.address = address.with_context(|| format!("{command:?} failed; see {}", log.display()))?;
        Ok(service)
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
