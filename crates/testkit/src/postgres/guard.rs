use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Error;

/// Waits until nobody holds the other end of its input any more, then ends the server and removes the folder.
const SCRIPT: &str = include_str!("guard.sh");

/// A process that outlives us to clean up after us, however we end: its input is a pipe that we alone hold, and
/// that the system closes when we are gone, be it by `SIGKILL`. A `Drop` would not do: it does not run then, nor
/// for what lives in a `static`.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Guard {
    /// Watches over `folder`, in a process group of its own, so that Ctrl-C does not reach it.
    pub(super) fn watch(folder: &Path) -> Result<Self, Error> {
        Command::new("/bin/sh")
            .args(["-c", SCRIPT, "icp-postgres-guard"])
            .arg(folder)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
            .map_err(Error::during("starting the process that cleans up"))
    }

    /// Has it do its work now. It is done when `finish` returns.
    pub(super) fn release(&mut self) {
        drop(self.0.stdin.take());
    }

    pub(super) fn finish(&mut self) {
        let _ = self.0.wait();
    }
}
