use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use icp_domain::{Caller, Icp, IcpChange, IcpId, IcpPatch, Rules, Timestamp, ValidationErrors};
use icp_ports::{Clock, Conditional, Health, IcpReader, IcpRepository, Lookup, StoredIcp, Version};

use crate::contention::Contention;
use crate::list_cache::ListCache;
use crate::replica::WriteGuard;
use crate::{Preconditions, Replica, ServiceError, cpu};

/// The use cases. Clones share their state.
#[derive(Clone)]
pub struct IcpService {
    pub(crate) repository: Arc<dyn IcpRepository>,
    replica: Option<Replica>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) new_id: fn() -> IcpId,
    /// How much of a list is buffered, in bytes.
    pub(crate) response_buffer: NonZeroUsize,
    pub(crate) list_cache: ListCache,
}

/// How much of a list is buffered by default, in bytes.
const RESPONSE_BUFFER: NonZeroUsize = NonZeroUsize::new(4 * 1024 * 1024).unwrap();

impl IcpService {
    /// Creates the service, without a replica and without a list cache.
    pub fn new(repository: Arc<dyn IcpRepository>, clock: Arc<dyn Clock>, new_id: fn() -> IcpId) -> Self {
        let (response_buffer, list_cache) = (RESPONSE_BUFFER, ListCache::new(0));
        Self { repository, replica: None, clock, new_id, response_buffer, list_cache }
    }

    /// Buffers at most `max_bytes` of a list, and one ICP more.
    #[must_use]
    pub fn with_response_buffer(self, max_bytes: NonZeroUsize) -> Self {
        Self { response_buffer: max_bytes, ..self }
    }

    /// Caches lists in at most `max_bytes`. 0 turns the cache off.
    #[must_use]
    pub fn with_list_cache(self, max_bytes: usize) -> Self {
        Self { list_cache: ListCache::new(max_bytes), ..self }
    }

    /// Returns the same service on the connections of one worker.
    #[must_use]
    pub fn for_worker(&self, repository: Arc<dyn IcpRepository>, replica: Option<Replica>) -> Self {
        Self { repository, replica, ..self.clone() }
    }

    /// Returns the health of the storage.
    pub async fn health(&self) -> Health {
        self.repository.health().await
    }

    /// Returns an ICP, unless the client has its current version: then no document is read.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`], [`ServiceError::Forbidden`], [`ServiceError::PreconditionFailed`], or a failure of the
    /// storage.
    pub async fn get(
        &self,
        caller: &Caller,
        id: IcpId,
        preconditions: &Preconditions<Version>,
    ) -> Result<Conditional<StoredIcp, Version>, ServiceError> {
        let reader = self.reader_for(caller);
        let found = reader.get_if_changed(id, &caller.access_scope(), preconditions.known()).await?;
        let answer = found_in_scope(found)?;
        let version = match &answer {
            Conditional::Changed(icp) => icp.version,
            Conditional::Unchanged(version) => *version,
        };
        let is_not_modified = preconditions.is_not_modified(&version)?;
        Ok(if is_not_modified { Conditional::Unchanged(version) } else { answer })
    }

    /// Merges the patch in a request body into an ICP, and returns the whole ICP. A patch that changes nothing leaves the
    /// version as it is.
    ///
    /// If another request changes the ICP meanwhile, the patch is applied to the newer state, so that both changes are
    /// kept. A client that wants to change only what it has read names the version in a precondition.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`], [`ServiceError::Forbidden`], [`ServiceError::Invalid`],
    /// [`ServiceError::PreconditionFailed`], [`ServiceError::Contended`], or a failure of the storage.
    pub async fn update(
        &self,
        caller: &Caller,
        id: IcpId,
        body: Arc<str>,
        preconditions: &Preconditions<Version>,
    ) -> Result<StoredIcp, ServiceError> {
        let by = caller.clone();
        let patch = Arc::new(parse(body, move |text| IcpPatch::from_json(text, &by)).await?);
        let _guard = self.begin_write(caller);
        let mut contention = Contention::new();
        loop {
            let stored = self.stored(caller, id, preconditions).await?;
            let Some(change) = self.revise(caller, &stored, &patch).await? else {
                return Ok(Arc::unwrap_or_clone(stored));
            };
            if let Some(version) = self.repository.replace(&change, stored.version).await? {
                return Ok(StoredIcp { id, version, json: change.into_document().into_json() });
            }
            contention.wait().await?;
        }
    }

    /// Returns the JSON that [`IcpService::update`] would store, and stores nothing.
    ///
    /// # Errors
    ///
    /// Those of [`IcpService::update`].
    pub async fn preview_update(
        &self,
        caller: &Caller,
        id: IcpId,
        body: Arc<str>,
        preconditions: &Preconditions<Version>,
    ) -> Result<String, ServiceError> {
        let by = caller.clone();
        let patch = Arc::new(parse(body, move |text| IcpPatch::from_json(text, &by)).await?);
        let stored = self.stored(caller, id, preconditions).await?;
        Ok(match self.revise(caller, &stored, &patch).await? {
            Some(change) => change.into_document().into_json(),
            None => Arc::unwrap_or_clone(stored).json,
        })
    }

    /// Deletes an ICP.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`], [`ServiceError::Forbidden`], [`ServiceError::PreconditionFailed`],
    /// [`ServiceError::Contended`], or a failure of the storage.
    pub async fn delete(
        &self,
        caller: &Caller,
        id: IcpId,
        preconditions: &Preconditions<Version>,
    ) -> Result<(), ServiceError> {
        let _guard = self.begin_write(caller);
        let mut contention = Contention::new();
        loop {
            // The access was read with this version, and so it holds if this version is deleted.
            let version = self.stored(caller, id, preconditions).await?.version;
            if self.repository.delete(id, version).await? {
                return Ok(());
            }
            contention.wait().await?;
        }
    }

    /// Returns the replica if the caller may read from it, and the repository otherwise.
    pub(crate) fn reader_for(&self, caller: &Caller) -> Arc<dyn IcpReader> {
        let replica = self.replica.as_ref().and_then(|replica| replica.reader_for(caller));
        replica.unwrap_or_else(|| self.repository.clone())
    }

    /// Begins a write. While the guard is held, and for a while after it, the writer reads from the primary.
    pub(crate) fn begin_write<'a>(&'a self, caller: &'a Caller) -> Option<WriteGuard<'a>> {
        self.list_cache.invalidate(caller.user_id());
        self.replica.as_ref().map(|replica| replica.begin_write(caller))
    }

    /// Reads an ICP that is to be changed, from the primary.
    async fn stored(
        &self,
        caller: &Caller,
        id: IcpId,
        preconditions: &Preconditions<Version>,
    ) -> Result<Arc<StoredIcp>, ServiceError> {
        let stored = found_in_scope(self.repository.get(id, &caller.access_scope()).await?)?;
        preconditions.check_write(&stored.version)?;
        Ok(Arc::new(stored))
    }

    async fn revise(
        &self,
        caller: &Caller,
        stored: &Arc<StoredIcp>,
        patch: &Arc<IcpPatch>,
    ) -> Result<Option<IcpChange>, ServiceError> {
        let (patch, stored, caller) = (Arc::clone(patch), Arc::clone(stored), caller.clone());
        let now = self.clock.now();
        let length = stored.json.len();
        let revised = cpu::run_for_text(length, move || revise(&stored, &patch, &caller, now)).await;
        revised.map_err(ServiceError::Internal)?
    }
}

/// Returns an ID that cannot be guessed.
#[expect(clippy::disallowed_methods, reason = "the one place that makes IDs")]
pub fn random_id() -> IcpId {
    uuid::Uuid::new_v4().into()
}

fn found_in_scope<T>(lookup: Lookup<T>) -> Result<T, ServiceError> {
    match lookup {
        Lookup::Found(found) => Ok(found),
        Lookup::Forbidden => Err(ServiceError::Forbidden),
        Lookup::Absent => Err(ServiceError::NotFound),
    }
}

pub(crate) async fn parse<T: Send + 'static>(
    body: Arc<str>,
    from_json: impl FnOnce(&str) -> Result<T, ValidationErrors> + Send + 'static,
) -> Result<T, ServiceError> {
    let parsed = cpu::run_for_text(body.len(), move || from_json(&body)).await;
    Ok(parsed.map_err(ServiceError::Internal)??)
}

/// Applies a patch to a stored ICP. Returns `None` if it changes nothing.
fn revise(
    stored: &StoredIcp,
    patch: &IcpPatch,
    caller: &Caller,
    now: Timestamp,
) -> Result<Option<IcpChange>, ServiceError> {
    let before = Icp::from_json(&stored.json, Rules::Stored).map_err(ServiceError::Unreadable)?;
    let after = patch.apply(&before, caller, now)?;
    Ok(after.map(|after| IcpChange::between(&before, after)))
}

impl fmt::Debug for IcpService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("IcpService").finish_non_exhaustive()
    }
}
