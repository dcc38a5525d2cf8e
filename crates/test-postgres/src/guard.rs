use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Error;

/// Waits until its input is closed, then ends the server and removes the folder.
const SCRIPT: &str = include_str!("guard.sh");

/// A process that cleans up when this process ends, also if it is killed.
///
/// Its input is a pipe that only this process has open. The system closes it when this process ends, also after `SIGKILL`.
/// `Drop` is not enough: it does not run after `SIGKILL`, nor for a value in a `static`.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Guard {
    /// Starts to watch `folder`, in a separate process group, so that Ctrl-C does not reach it.
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

    /// Starts the clean-up. [`Guard::finish`] waits for it.
    pub(super) fn release(&mut self) {
        drop(self.0.stdin.take());
    }

    /// Waits until it has cleaned up.
    pub(super) fn finish(&mut self) {
        let _ = self.0.wait();
    }
}
