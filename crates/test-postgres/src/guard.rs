use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Error;

/// A script that waits until its input is closed, and then ends the server and removes the folder.
const GUARD_SCRIPT: &str = include_str!("guard.sh");

/// A process that ends the server and removes its folder after [`Guard::release`], or when this process ends, even if
/// this process is killed.
///
/// The input of the guard is a pipe that only this process has open. The operating system closes the pipe when this
/// process ends, even after `SIGKILL`. An implementation of `Drop` would not suffice, because `drop` is called
/// neither after `SIGKILL` nor for a value in a `static`.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Guard {
    /// Starts a guard for the cluster in `folder`. The guard has a separate process group, so that Ctrl-C does not
    /// end it.
    pub(super) fn watch(folder: &Path) -> Result<Self, Error> {
        Command::new("/bin/sh")
            .args(["-c", GUARD_SCRIPT, "icp-postgres-guard"])
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

    /// Closes the pipe, so that the guard starts the clean-up. [`Guard::finish`] waits until the clean-up has ended.
    pub(super) fn release(&mut self) {
        drop(self.0.stdin.take());
    }

    /// Waits until the clean-up has ended.
    pub(super) fn finish(&mut self) {
        let _ = self.0.wait();
    }
}
