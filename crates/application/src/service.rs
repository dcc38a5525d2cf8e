use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use icp_domain::{Caller, IcpId, UserId};
use icp_permits::KeyedPermits;
use icp_ports::{Clock, Conditional, Health, IcpReader, IcpRepository, Lookup, StoredIcp, Version};

use crate::contention::ChangePermits;
use crate::cpu::{self, CPU_THREADS};
use crate::list_cache::ListCache;
use crate::replica::WriteGuard;
use crate::{Limits, Preconditions, Replica, Retention, ServiceError};

/// The use cases. Clones share their state.
#[derive(Clone)]
pub struct IcpService {
    pub(crate) repository: Arc<dyn IcpRepository>,
    replica: Option<Replica>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) new_id: fn() -> IcpId,
    /// Maximum size of the buffered part of a list, in bytes.
    pub(crate) response_buffer: NonZeroUsize,
    pub(crate) list_cache: ListCache,
    pub(crate) limits: Limits,
    pub(crate) retention: Retention,
    pub(crate) change_permits: ChangePermits,
    /// Permits for creates. They are limited because each create counts the ICPs and bytes of its creator.
    pub(crate) create_permits: KeyedPermits<UserId>,
}

/// Maximum number of concurrent creates of one user in the storage. Further creates wait.
const MAX_CREATES_PER_USER: usize = 2;

/// Default of [`IcpService::with_response_buffer`], in bytes.
const DEFAULT_RESPONSE_BUFFER: NonZeroUsize = NonZeroUsize::new(4 * 1024 * 1024).unwrap();

impl IcpService {
    /// Creates the service with the default limits, without a replica and without a list cache.
    pub fn new(repository: Arc<dyn IcpRepository>, clock: Arc<dyn Clock>, new_id: fn() -> IcpId) -> Self {
        Self {
            repository,
            replica: None,
            clock,
            new_id,
            response_buffer: DEFAULT_RESPONSE_BUFFER,
            list_cache: ListCache::new(0),
            limits: Limits::default(),
            retention: Retention::default(),
            change_permits: ChangePermits::default(),
            create_permits: KeyedPermits::new(MAX_CREATES_PER_USER),
        }
    }

    /// Buffers at most `max_bytes` of a list, or of a page of deleted ICPs, plus one ICP.
    #[must_use]
    pub fn with_response_buffer(self, max_bytes: NonZeroUsize) -> Self {
        Self { response_buffer: max_bytes, ..self }
    }

    /// Caches lists in at most `max_bytes`. 0 turns the cache off.
    #[must_use]
    pub fn with_list_cache(self, max_bytes: usize) -> Self {
        Self { list_cache: ListCache::new(max_bytes), ..self }
    }

    /// Sets the limits on the data that users write.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets the retention of the history.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// Returns the same service with the connections of one worker.
    #[must_use]
    pub fn for_worker(&self, repository: Arc<dyn IcpRepository>, replica: Option<Replica>) -> Self {
        Self { repository, replica, ..self.clone() }
    }

    /// Returns the health of the storage.
    pub async fn health(&self) -> Health {
        self.repository.health().await
    }

    /// Returns an ICP, or only its version if the client has the current version.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`], [`ServiceError::Forbidden`], [`ServiceError::PreconditionFailed`], or a failure of
    /// the storage.
    pub async fn get(
        &self,
        caller: &Caller,
        id: IcpId,
        preconditions: &Preconditions<Version>,
    ) -> Result<Conditional<StoredIcp, Version>, ServiceError> {
        let reader = self.reader_for(caller);
        let found =
            reader.get_if_changed(id, &caller.access_scope(), preconditions.client_versions()).await?;
        let found_icp = found_in_scope(found)?;
        let version = match &found_icp {
            Conditional::Changed(icp) => icp.version,
            Conditional::Unchanged(version) => *version,
        };
        let is_not_modified = preconditions.is_not_modified(&version)?;
        Ok(if is_not_modified { Conditional::Unchanged(version) } else { found_icp })
    }

    /// Returns the replica if the caller may read from it, and the repository otherwise.
    pub(crate) fn reader_for(&self, caller: &Caller) -> Arc<dyn IcpReader> {
        let replica = self.replica.as_ref().and_then(|replica| replica.reader_for(caller));
        replica.unwrap_or_else(|| self.repository.clone())
    }

    /// Begins a write, and removes the caller's list from the cache. If there is a replica, the caller reads from the
    /// primary for some time after this call, and for the same time after the guard is dropped.
    pub(crate) fn begin_write<'a>(&'a self, caller: &'a Caller) -> Option<WriteGuard<'a>> {
        self.list_cache.invalidate(caller.user_id());
        self.replica.as_ref().map(|replica| replica.begin_write(caller))
    }
}

/// Returns an ID that cannot be guessed.
#[expect(clippy::disallowed_methods, reason = "this function is the only source of random IDs of ICPs")]
pub fn random_id() -> IcpId {
    uuid::Uuid::new_v4().into()
}

pub(crate) fn found_in_scope<T>(lookup: Lookup<T>) -> Result<T, ServiceError> {
    match lookup {
        Lookup::Found(found) => Ok(found),
        Lookup::Forbidden => Err(ServiceError::Forbidden),
        Lookup::Absent => Err(ServiceError::NotFound),
    }
}

/// Parses a text that a user sent. Uses a separate thread if parsing may be expensive.
///
/// # Errors
///
/// [`ServiceError::Overloaded`], or [`ServiceError::Internal`] if the parser panicked.
pub async fn parse_for<T: Send + 'static>(
    caller: &Caller,
    text: Arc<str>,
    parse: impl FnOnce(&str) -> T + Send + 'static,
) -> Result<T, ServiceError> {
    let is_expensive = cpu::is_expensive(&text);
    CPU_THREADS.run(caller.user_id(), is_expensive, move || parse(&text)).await
}

impl fmt::Debug for IcpService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("IcpService").finish_non_exhaustive()
    }
}
