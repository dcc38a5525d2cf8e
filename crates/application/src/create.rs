use std::sync::Arc;

use icp_domain::{Author, Caller, IcpDocument, NewIcp, ValidationErrors};
use icp_ports::{Creation, Creator, IdempotencyKey, ListVersion, Quota, StoredIcp};
use tokio::time::{Duration, Instant, sleep, timeout_at};

use crate::contention::CONTENTION_TIMEOUT;
use crate::service::parse_for;
use crate::{IcpService, Preconditions, RequestKey, ServiceError};

/// The wait between two attempts while a create with the same key is in progress.
const KEY_POLL_INTERVAL: Duration = Duration::from_millis(25);

/// The result of a create or a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The created ICP.
    pub icp: StoredIcp,
    /// True if an earlier request with the same key created the ICP.
    pub is_replay: bool,
}

impl IcpService {
    /// Creates the ICP in a request body. The caller becomes a user of the ICP, even if the body does not name the
    /// caller. With a key, the ICP is created once: the same request within 24 hours returns it again, as it was
    /// created.
    ///
    /// The preconditions apply to the caller's list, which is the target resource of the request.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Invalid`], [`ServiceError::PreconditionFailed`], [`ServiceError::QuotaReached`],
    /// [`ServiceError::KeyReused`], [`ServiceError::KeyInUse`], [`ServiceError::Overloaded`],
    /// [`ServiceError::Internal`], or a failure of the storage.
    pub async fn create(
        &self,
        caller: &Caller,
        body: Arc<str>,
        key: Option<&RequestKey>,
        preconditions: &Preconditions<ListVersion>,
    ) -> Result<Created, ServiceError> {
        let key = key.map(|key| key.bind("create", &body));
        let document = self.new_document(caller, body).await?;
        match self.check_list_version(caller, preconditions).await {
            Ok(()) => self.insert(caller, document, key).await,
            // The list may have changed because an earlier request with the same key has created the ICP.
            Err(error) => self.replay_or_fail(caller, key, error).await,
        }
    }

    /// Stores a new ICP of the caller, or returns the result of an earlier request with the same key.
    pub(crate) async fn insert(
        &self,
        caller: &Caller,
        document: IcpDocument,
        key: Option<IdempotencyKey>,
    ) -> Result<Created, ServiceError> {
        let _guard = self.begin_write(caller);
        let creator = creator(caller, self.limits.quota);
        let deadline = Instant::now() + CONTENTION_TIMEOUT;
        let permit = timeout_at(deadline, self.create_permits.acquire(caller.user_id())).await;
        let _permit = permit.map_err(|_| ServiceError::Overloaded)?;
        loop {
            match self.repository.insert(&document, &creator, key.as_ref()).await? {
                Creation::Created(version) => {
                    let icp = StoredIcp { id: document.id(), version, json: document.into_json() };
                    return Ok(Created { icp, is_replay: false });
                }
                Creation::Repeated(icp) => return Ok(Created { icp, is_replay: true }),
                Creation::KeyReused => return Err(ServiceError::KeyReused),
                Creation::QuotaReached => return Err(ServiceError::QuotaReached(self.limits.quota)),
                Creation::InProgress if Instant::now() >= deadline => return Err(ServiceError::KeyInUse),
                Creation::InProgress => sleep(KEY_POLL_INTERVAL).await,
            }
        }
    }

    /// Returns the result of an earlier request with this key, if `error` depends on the state of the storage. Fails
    /// with [`ServiceError::KeyReused`] if the earlier request was a different one, and with [`ServiceError::KeyInUse`]
    /// if it is still in progress at the end of the wait. Fails with `error` if `error` does not depend on the state of
    /// the storage, or if no earlier request has used the key.
    pub(crate) async fn replay_or_fail(
        &self,
        caller: &Caller,
        key: Option<IdempotencyKey>,
        error: ServiceError,
    ) -> Result<Created, ServiceError> {
        use ServiceError::{Forbidden, NotFound, PreconditionFailed};
        let Some(key) = key.filter(|_| matches!(error, Forbidden | NotFound | PreconditionFailed)) else {
            return Err(error);
        };
        // With a quota of 0, an insert stores nothing. It only returns the result that is stored with the key.
        let placeholder = NewIcp::builder("-").build()?;
        let placeholder = placeholder.create((self.new_id)(), caller.user_id(), self.clock.now())?;
        let placeholder = placeholder.into();
        let creator = creator(caller, Quota { icps: 0, bytes: 0 });
        let deadline = Instant::now() + CONTENTION_TIMEOUT;
        loop {
            match self.repository.insert(&placeholder, &creator, Some(&key)).await? {
                Creation::Repeated(icp) => return Ok(Created { icp, is_replay: true }),
                Creation::KeyReused => return Err(ServiceError::KeyReused),
                Creation::InProgress if Instant::now() >= deadline => return Err(ServiceError::KeyInUse),
                Creation::InProgress => sleep(KEY_POLL_INTERVAL).await,
                Creation::Created(_) | Creation::QuotaReached => return Err(error),
            }
        }
    }

    /// Returns the JSON that [`IcpService::create`] would store, and stores nothing. The ID is an example.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Invalid`], [`ServiceError::PreconditionFailed`], [`ServiceError::Overloaded`],
    /// [`ServiceError::Internal`], or a failure of the storage.
    pub async fn preview_create(
        &self,
        caller: &Caller,
        body: Arc<str>,
        preconditions: &Preconditions<ListVersion>,
    ) -> Result<String, ServiceError> {
        let document = self.new_document(caller, body).await?;
        self.check_list_version(caller, preconditions).await?;
        Ok(document.into_json())
    }

    /// Removes the idempotency keys that are no longer valid, and returns their number.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub async fn remove_expired_keys(&self) -> Result<u64, ServiceError> {
        let mut removed = 0;
        loop {
            match self.repository.remove_expired_keys(self.clock.now()).await? {
                0 => return Ok(removed),
                count => removed += count,
            }
        }
    }

    async fn new_document(&self, caller: &Caller, body: Arc<str>) -> Result<IcpDocument, ServiceError> {
        let (id, creator, now) = ((self.new_id)(), caller.user_id().clone(), self.clock.now());
        let create = move |text: &str| {
            let icp = NewIcp::from_json(text)?.create(id, &creator, now)?;
            Ok::<_, ValidationErrors>(IcpDocument::from(icp))
        };
        let document = parse_for(caller, body, create).await??;
        self.limits.check(&document, None)?;
        Ok(document)
    }
}

/// Returns the caller as the creator of an ICP.
pub(crate) fn creator(caller: &Caller, quota: Quota) -> Creator {
    let Author { actor, source, .. } = caller.author();
    Creator { user_id: caller.user_id().clone(), actor, source, quota }
}
