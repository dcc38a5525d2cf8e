use std::process::Child;
use std::time::{Duration, Instant};

use super::Error;
use super::processes;

const PAUSE: Duration = Duration::from_millis(20);

/// The server's first process, a child of ours: there is no doubt about whether it is dead, for it is we who
/// bury it.
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

    /// Stops the postmaster first, so that it makes no child that the list lacks.
    pub(super) fn freeze(&self) -> Vec<u32> {
        processes::signal("STOP", &[self.id()]);
        let children = processes::children(self.id());
        processes::signal("STOP", &children);
        [vec![self.id()], children].concat()
    }

    /// Ends when all are dead: a child that lives on would keep the next server from starting.
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

/// Whether something comes true in time.
pub(super) fn within(limit: Duration, mut comes_true: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if comes_true() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}
