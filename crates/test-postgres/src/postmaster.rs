use std::process::Child;
use std::time::{Duration, Instant};

use super::Error;
use super::processes;

const PAUSE: Duration = Duration::from_millis(20);

/// The first process of the server. It is a child of this process, which can therefore detect its end.
#[derive(Debug)]
pub(super) struct Postmaster(Child);

impl Postmaster {
    pub(super) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn exited(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)) | Err(_))
    }

    pub(super) fn exits_within(&mut self, limit: Duration) -> bool {
        within(limit, || self.exited())
    }

    /// Freezes the postmaster and its children, and returns their IDs. The postmaster comes first, so that it starts no child
    /// that is not in the list.
    pub(super) fn freeze(&self) -> Vec<u32> {
        processes::signal("STOP", &[self.id()]);
        let children = processes::children(self.id());
        processes::signal("STOP", &children);
        [vec![self.id()], children].concat()
    }

    /// Kills the postmaster and its children. Returns when all have ended: the next server cannot start before.
    pub(super) fn kill(&mut self) -> Result<(), Error> {
        if self.exited() {
            return Ok(());
        }
        let family = self.freeze();
        processes::signal("KILL", &family);
        let limit = Duration::from_secs(10);
        if self.exits_within(limit) && within(limit, || processes::alive(&family).is_empty()) {
            return Ok(());
        }
        Err(Error::new("the PostgreSQL server survives SIGKILL"))
    }
}

/// Returns true if the condition becomes true within the limit.
pub(super) fn within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}
