use std::process::Child;
use std::time::{Duration, Instant};

use super::Error;
use super::processes;

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The first process of the server. It is a child of this process, so this process can detect when it ends.
#[derive(Debug)]
pub(super) struct Postmaster(Child);

impl Postmaster {
    pub(super) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn has_exited(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)) | Err(_))
    }

    pub(super) fn exits_within(&mut self, limit: Duration) -> bool {
        wait_until(limit, || self.has_exited())
    }

    /// Freezes the postmaster and its children, and returns their IDs. The postmaster is frozen first, so that it
    /// cannot start another child.
    pub(super) fn freeze(&self) -> Vec<u32> {
        processes::signal("STOP", &[self.id()]);
        let children = processes::children(self.id());
        processes::signal("STOP", &children);
        [vec![self.id()], children].concat()
    }

    /// Kills the postmaster and its children. Returns when all of them have ended, because the next server cannot
    /// start until then.
    pub(super) fn kill(&mut self) -> Result<(), Error> {
        if self.has_exited() {
            return Ok(());
        }
        let process_ids = self.freeze();
        processes::signal("KILL", &process_ids);
        let limit = Duration::from_secs(10);
        if self.exits_within(limit) && wait_until(limit, || processes::running(&process_ids).is_empty()) {
            return Ok(());
        }
        Err(Error::new("the PostgreSQL server did not end within 10 seconds after SIGKILL"))
    }
}

/// Waits until the condition is true. Returns false if it is not true within the limit.
pub(super) fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
