use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use icp_domain::{Caller, UserId};
use icp_ports::IcpReader;
use tokio::time::Instant;

/// A replica of the repository, which can be behind the primary. After a write, the user reads from the primary for
/// some time, so that the user sees their own writes.
#[derive(Clone)]
pub struct Replica {
    reader: Arc<dyn IcpReader>,
    /// The time for which a user reads from the primary after a write.
    read_own_writes: Duration,
    recent_writers: Arc<Mutex<RecentWriters>>,
}

/// The users who have recently written.
#[derive(Default)]
struct RecentWriters {
    /// The time until which each of these users reads from the primary.
    until: HashMap<UserId, Instant>,
    /// If there are more writers than this number, the expired writers are removed.
    capacity: usize,
}

impl Replica {
    /// Creates a replica. After a write, a user reads from the primary for the duration `read_own_writes`.
    pub fn new(reader: Arc<dyn IcpReader>, read_own_writes: Duration) -> Self {
        Self { reader, read_own_writes, recent_writers: Arc::default() }
    }

    /// Returns the same replica with the connections of one worker. All workers share the list of recent writers.
    #[must_use]
    pub fn for_worker(&self, reader: Arc<dyn IcpReader>) -> Self {
        Self { reader, ..self.clone() }
    }

    /// Returns the reader for a caller, or `None` if the caller must read from the primary.
    pub(crate) fn reader_for(&self, caller: &Caller) -> Option<Arc<dyn IcpReader>> {
        let writers = self.recent_writers.lock().unwrap_or_else(PoisonError::into_inner);
        let has_recently_written =
            writers.until.get(caller.user_id()).is_some_and(|until| *until > Instant::now());
        (!has_recently_written).then(|| Arc::clone(&self.reader))
    }

    /// Marks the caller as a writer for the duration `read_own_writes`. The duration starts again when the guard is
    /// dropped.
    pub(crate) fn begin_write<'a>(&'a self, caller: &'a Caller) -> WriteGuard<'a> {
        self.mark_writer(caller);
        WriteGuard { replica: self, caller }
    }

    fn mark_writer(&self, caller: &Caller) {
        let now = Instant::now();
        let mut writers = self.recent_writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.until.insert(caller.user_id().clone(), now + self.read_own_writes);
        if writers.until.len() > writers.capacity {
            writers.until.retain(|_, until| *until > now);
            writers.capacity = (2 * writers.until.len()).max(1_000);
        }
    }
}

/// A write in progress. The duration `read_own_writes` starts again when the write ends, even if it fails.
pub(crate) struct WriteGuard<'a> {
    replica: &'a Replica,
    caller: &'a Caller,
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        self.replica.mark_writer(self.caller);
    }
}

impl std::fmt::Debug for Replica {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Replica")
            .field("read_own_writes", &self.read_own_writes)
            .finish_non_exhaustive()
    }
}
