//! What the service does with ICPs: the rules of the endpoints, without HTTP and without a database.

mod contention;
mod create;
mod cursor;
mod delete;
mod get;
mod known;
mod list;
mod list_cache;
mod refusal;
mod replica;
mod rest;
mod update;

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use icp_domain::{Caller, IcpId};
use icp_ports::{Clock, IcpReader, IcpRepository, Lookup};

pub(crate) use get::Fetched;
pub(crate) use known::Known;
pub(crate) use list::{ListRequest, Listed};
use list_cache::ListCache;
pub(crate) use refusal::Refusal;
pub(crate) use replica::Replica;
use replica::Writing;
pub(crate) use rest::Rest;

/// How long a request goes on trying where others keep coming in between.
const PATIENCE: Duration = Duration::from_secs(3);

/// The use cases. Access is decided here and nowhere else: by asking the repository within the caller's scope.
#[derive(Clone)]
pub(crate) struct IcpService {
    repository: Arc<dyn IcpRepository>,
    replica: Option<Replica>,
    clock: Arc<dyn Clock>,
    new_id: fn() -> IcpId,
    /// How much of a list is buffered, in bytes.
    max_bytes: NonZeroUsize,
    list_cache: ListCache,
}

/// How much of a list is buffered unless it is set, in bytes.
const MAX_BYTES: NonZeroUsize = NonZeroUsize::new(4 * 1024 * 1024).unwrap();

impl std::fmt::Debug for IcpService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IcpService").finish_non_exhaustive()
    }
}

impl IcpService {
    pub(crate) fn new(
        repository: Arc<dyn IcpRepository>,
        clock: Arc<dyn Clock>,
        new_id: fn() -> IcpId,
    ) -> Self {
        let list_cache = ListCache::new(0);
        Self { repository, replica: None, clock, new_id, max_bytes: MAX_BYTES, list_cache }
    }

    /// Buffers at most `max_bytes` of a list, and one ICP.
    pub(crate) fn buffering(self, max_bytes: NonZeroUsize) -> Self {
        Self { max_bytes, ..self }
    }

    /// Caches lists in at most `max_bytes`.
    pub(crate) fn caching_lists(self, max_bytes: usize) -> Self {
        Self { list_cache: ListCache::new(max_bytes), ..self }
    }

    /// Returns the same service on the connections of one worker.
    pub(crate) fn for_worker(&self, repository: Arc<dyn IcpRepository>, replica: Option<Replica>) -> Self {
        Self { repository, replica, ..self.clone() }
    }

    /// Reads come from a replica if there is one. What a write depends on is read from the repository all the same.
    fn reader_for(&self, caller: &Caller) -> Arc<dyn IcpReader> {
        let replica = self.replica.as_ref().and_then(|replica| replica.reader_for(caller));
        replica.unwrap_or_else(|| self.repository.clone())
    }

    /// To be held during a write, so that no read of the writer returns less, from its start until a while after its end.
    ///
    /// The cached list of the writer is invalidated: it will not be confirmed again.
    fn writing<'a>(&'a self, caller: &'a Caller) -> Option<Writing<'a>> {
        self.list_cache.invalidate(caller.user_id());
        self.replica.as_ref().map(|replica| replica.writing(caller))
    }
}

/// An id that nobody can guess.
#[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
pub(crate) fn random_id() -> IcpId {
    uuid::Uuid::new_v4().into()
}

/// Only what was found can be worked with.
fn found<T>(lookup: Lookup<T>) -> Result<T, Refusal> {
    match lookup {
        Lookup::Found(found) => Ok(found),
        Lookup::Forbidden => Err(Refusal::Forbidden),
        Lookup::Absent => Err(Refusal::NotFound),
    }
}
