//! What the service does with ICPs: the rules of the endpoints, without HTTP and without a database.

mod create;
mod cursor;
mod delete;
mod get;
mod known;
mod list;
mod list_memory;
mod read_copy;
mod refusal;
mod rest;
mod update;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use icp_domain::{Caller, IcpId};
use icp_ports::{Clock, IcpReader, IcpRepository, Lookup};

pub(crate) use get::Fetched;
pub(crate) use known::Known;
pub(crate) use list::{ListRequest, Listed};
use list_memory::ListMemory;
pub(crate) use read_copy::ReadCopy;
use read_copy::Writing;
pub(crate) use refusal::Refusal;
pub(crate) use rest::Rest;

/// How long a request goes on trying where others keep coming in between.
const PATIENCE: Duration = Duration::from_secs(3);

/// How soon it tries again: a write of somebody else takes about that long.
const TRY_AGAIN: Duration = Duration::from_millis(2);

/// The use cases. Access is decided here and nowhere else: by asking the repository within what the caller's rule allows.
#[derive(Clone)]
pub(crate) struct IcpService {
    repository: Arc<dyn IcpRepository>,
    copy: Option<ReadCopy>,
    clock: Arc<dyn Clock>,
    new_id: fn() -> IcpId,
    /// How much of a list is held at once.
    max_bytes: usize,
    list_memory: ListMemory,
}

/// How much of a list is held at once, unless it is set.
const MAX_BYTES: usize = 4 * 1024 * 1024;

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
        Self { repository, copy: None, clock, new_id, max_bytes: MAX_BYTES, list_memory: ListMemory::new(0) }
    }

    /// Lets reads come from a copy. What a write goes by is read from the repository all the same.
    pub(crate) fn reading_from(self, copy: Option<ReadCopy>) -> Self {
        Self { copy, ..self }
    }

    /// Holds no more of a list at once than so many bytes, and one ICP.
    pub(crate) fn holding_at_once(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// Keeps lists that were read before, in so many bytes at most, and reads them again when they have changed.
    pub(crate) fn remembering_lists(self, max_bytes: usize) -> Self {
        Self { list_memory: ListMemory::new(max_bytes), ..self }
    }

    fn reader_for(&self, caller: &Caller) -> &dyn IcpReader {
        let copy = self.copy.as_ref().and_then(|copy| copy.reader_for(caller));
        copy.unwrap_or(self.repository.as_ref())
    }

    /// To be held during a write, so that no read of the writer's finds less, from its beginning until a while after its end.
    ///
    /// What is kept of the writer's list is out of date then, and need not be asked about.
    fn writing<'a>(&'a self, caller: &'a Caller) -> Option<Writing<'a>> {
        self.list_memory.forget(caller.user_id());
        self.copy.as_ref().map(|copy| copy.writing(caller))
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
