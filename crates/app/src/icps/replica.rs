use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use icp_domain::{Caller, UserId};
use icp_ports::IcpReader;
use tokio::time::Instant;

/// A replica of the repository, which can be a little behind. A user who has written reads from the primary for a while, and
/// so finds what they wrote.
#[derive(Clone)]
pub(crate) struct Replica {
    reader: Arc<dyn IcpReader>,
    own_writes: Duration,
    writers: Arc<Mutex<Writers>>,
}

/// The time until which each writer reads from the primary.
#[derive(Default)]
struct Writers {
    until: HashMap<UserId, Instant>,
    /// The number of writers at which those whose time is over are removed.
    room: usize,
}

impl Replica {
    pub(crate) fn new(reader: Arc<dyn IcpReader>, own_writes: Duration) -> Self {
        Self { reader, own_writes, writers: Arc::default() }
    }

    /// Returns the same replica on the connections of one worker. Writers are common to all.
    pub(crate) fn for_worker(&self, reader: Arc<dyn IcpReader>) -> Self {
        Self { reader, ..self.clone() }
    }

    /// Returns what a caller reads from, or `None` if that must be the primary.
    pub(super) fn reader_for(&self, caller: &Caller) -> Option<Arc<dyn IcpReader>> {
        let writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let has_written = writers.until.get(caller.user_id()).is_some_and(|until| *until > Instant::now());
        (!has_written).then(|| Arc::clone(&self.reader))
    }

    /// Marks the caller as a writer for as long as the result is held, and a while after that.
    pub(super) fn writing<'a>(&'a self, caller: &'a Caller) -> Writing<'a> {
        self.note_writer(caller);
        Writing { replica: self, caller }
    }

    fn note_writer(&self, caller: &Caller) {
        let now = Instant::now();
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.until.insert(caller.user_id().clone(), now + self.own_writes);
        if writers.until.len() > writers.room {
            writers.until.retain(|_, until| *until > now);
            writers.room = (2 * writers.until.len()).max(1_000);
        }
    }
}

/// A write in progress. The writer's time counts from its end, however it ends.
pub(super) struct Writing<'a> {
    replica: &'a Replica,
    caller: &'a Caller,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.replica.note_writer(self.caller);
    }
}
