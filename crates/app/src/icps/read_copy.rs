use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use icp_domain::{Caller, UserId};
use icp_ports::IcpReader;
use tokio::time::Instant;

/// A copy of the repository that may be a little behind. Whoever has written something reads from the repository itself
/// for a while, so that they find what they wrote.
#[derive(Clone)]
pub(crate) struct ReadCopy {
    reader: Arc<dyn IcpReader>,
    own_writes: Duration,
    writers: Arc<Mutex<Writers>>,
}

/// Until when each reads from the repository.
#[derive(Default)]
struct Writers {
    until: HashMap<UserId, Instant>,
    /// How many there may be before those whose time is over are looked for.
    room: usize,
}

impl ReadCopy {
    pub(crate) fn new(reader: Arc<dyn IcpReader>, own_writes: Duration) -> Self {
        Self { reader, own_writes, writers: Arc::default() }
    }

    /// What a caller reads from; `None` when it must be the repository.
    pub(super) fn reader_for(&self, caller: &Caller) -> Option<&dyn IcpReader> {
        let writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let has_written = writers.until.get(caller.user_id()).is_some_and(|until| *until > Instant::now());
        (!has_written).then_some(self.reader.as_ref())
    }

    /// Somebody writes, for as long as this is held.
    pub(super) fn writing<'a>(&'a self, caller: &'a Caller) -> Writing<'a> {
        self.note_writer(caller);
        Writing { copy: self, caller }
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

/// A write, whose time counts from its end, however it ends.
pub(super) struct Writing<'a> {
    copy: &'a ReadCopy,
    caller: &'a Caller,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.copy.note_writer(self.caller);
    }
}
