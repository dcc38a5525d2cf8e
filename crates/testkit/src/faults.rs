//! A repository with a fault-injecting network between the repository and its storage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId, Timestamp};
use icp_ports::{
    Creation, Creator, Health, HealthCheck, HistoryPage, HistoryQuery, IcpHistory, IcpList, IcpReader,
    IcpRepository, IdempotencyKey, ListQuery, Lookup, Quota, Replacement, RepositoryError, Revision, Stamp,
    StoredIcp, Version,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::contract::Faults;

const CALL_TIMEOUT: Duration = Duration::from_secs(4);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// The network between a [`FaultyRepository`] and its storage. All clones share one network.
#[derive(Clone, Debug, Default)]
pub struct FaultyNetwork(Arc<Network>);

#[derive(Debug, Default)]
struct Network {
    state: watch::Sender<State>,
    loses_next_response: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    is_frozen: bool,
    is_stopped: bool,
    /// The number of cuts. All connections that were opened before the last cut are closed.
    cut_count: u64,
}

impl FaultyNetwork {
    fn change(&self, change: impl FnOnce(&mut State)) {
        self.0.state.send_modify(change);
    }
}

impl Faults for FaultyNetwork {
    fn cut(&self) {
        self.change(|state| state.cut_count += 1);
    }

    fn freeze(&self) {
        self.change(|state| state.is_frozen = true);
    }

    fn thaw(&self) {
        self.change(|state| state.is_frozen = false);
    }

    fn stop(&self) {
        self.change(|state| {
            state.is_stopped = true;
            state.cut_count += 1;
        });
    }

    fn start(&self) {
        self.change(|state| state.is_stopped = false);
    }

    fn lose_next_response(&self) {
        self.0.loses_next_response.store(true, Ordering::SeqCst);
    }
}

/// The reason why a call failed.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Refused,
    Lost,
    TimedOut,
}

impl From<Fault> for RepositoryError {
    fn from(fault: Fault) -> Self {
        let text = match fault {
            Fault::Refused => "the connection was refused",
            Fault::Lost => "the connection was lost",
            Fault::TimedOut => "no response in time",
        };
        Self::Unavailable(text.into())
    }
}

/// A repository whose storage is another repository behind a [`FaultyNetwork`]. It handles faults of the network as
/// the suite [`crate::contract::resilience`] requires.
///
/// ```
/// use icp_testkit::contract::{self, Subject};
/// use icp_testkit::faults::FaultyRepository;
/// use icp_testkit::memory::InMemoryDatabase;
///
/// let trials = contract::resilience("faulty", async || {
///     let repository = FaultyRepository::new(InMemoryDatabase::default());
///     let network = repository.network();
///     (Subject::new(repository), network)
/// });
/// assert!(!trials.is_empty());
/// ```
#[derive(Debug)]
pub struct FaultyRepository<R> {
    storage: R,
    network: FaultyNetwork,
    /// The value of `cut_count` when the connections in the pool were opened.
    pool_cut_count: AtomicU64,
}

impl<R: IcpRepository> FaultyRepository<R> {
    /// Creates a repository with the storage `storage`, and a network that has no faults yet.
    pub fn new(storage: R) -> Self {
        Self { storage, network: FaultyNetwork::default(), pool_cut_count: AtomicU64::new(0) }
    }

    /// Returns the network, which can inject faults.
    pub fn network(&self) -> FaultyNetwork {
        self.network.clone()
    }

    /// Simulates the transmission of a request. Waits while the network is frozen. Fails if the connection is refused
    /// or lost. The first request after a cut always fails.
    async fn send(&self) -> Result<(), Fault> {
        let mut network = self.network.0.state.subscribe();
        let opened = *network.borrow();
        if opened.is_stopped {
            return Err(Fault::Refused);
        }
        if self.pool_cut_count.swap(opened.cut_count, Ordering::SeqCst) != opened.cut_count {
            return Err(Fault::Lost);
        }
        let state = network.wait_for(|state| !state.is_frozen || state.cut_count != opened.cut_count).await;
        let is_open = state.is_ok_and(|state| state.cut_count == opened.cut_count);
        if is_open { Ok(()) } else { Err(Fault::Lost) }
    }

    /// Calls the storage. Repeats the call until the deadline if its connection was lost.
    async fn repeat<T, F: Future<Output = T>>(
        &self,
        deadline: Instant,
        call: impl Fn() -> F,
    ) -> Result<T, Fault> {
        loop {
            match timeout_at(deadline, self.send()).await {
                Ok(Ok(())) => return Ok(call().await),
                Ok(Err(Fault::Lost)) => sleep(RETRY_PAUSE).await,
                Ok(Err(fault)) => return Err(fault),
                Err(_) => return Err(Fault::TimedOut),
            }
        }
    }

    async fn read<T, F>(&self, call: impl Fn() -> F) -> Result<T, RepositoryError>
    where
        F: Future<Output = Result<T, RepositoryError>>,
    {
        self.repeat(Instant::now() + CALL_TIMEOUT, call).await?
    }

    /// Calls the storage at most once. Does not repeat the call, even if its connection was lost.
    async fn write<T, F>(&self, call: impl FnOnce() -> F) -> Result<T, RepositoryError>
    where
        F: Future<Output = Result<T, RepositoryError>>,
    {
        timeout(CALL_TIMEOUT, self.send()).await.map_err(|_| Fault::TimedOut)??;
        let result = call().await;
        let is_lost = self.network.0.loses_next_response.swap(false, Ordering::SeqCst);
        if is_lost { Err(Fault::Lost.into()) } else { result }
    }
}

#[async_trait]
impl<R: IcpRepository> IcpReader for FaultyRepository<R> {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        self.read(|| self.storage.list(query)).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.read(|| self.storage.get(id, scope)).await
    }
}

#[async_trait]
impl<R: IcpRepository> IcpRepository for FaultyRepository<R> {
    async fn insert(
        &self,
        document: &IcpDocument,
        creator: &Creator,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        self.write(|| self.storage.insert(document, creator, key)).await
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        self.write(|| self.storage.replace(change, expected, quota, stamp)).await
    }

    async fn delete(&self, id: IcpId, expected: Version, stamp: &Stamp) -> Result<bool, RepositoryError> {
        self.write(|| self.storage.delete(id, expected, stamp)).await
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.write(|| self.storage.remove_expired_keys(now)).await
    }
}

#[async_trait]
impl<R: IcpRepository> IcpHistory for FaultyRepository<R> {
    async fn revisions(
        &self,
        id: IcpId,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<Lookup<HistoryPage>, RepositoryError> {
        self.read(|| self.storage.revisions(id, scope, query)).await
    }

    async fn revision(
        &self,
        id: IcpId,
        version: Version,
        scope: &AccessScope,
        since: Timestamp,
    ) -> Result<Lookup<Option<Revision>>, RepositoryError> {
        self.read(|| self.storage.revision(id, version, scope, since)).await
    }

    async fn deleted(
        &self,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, RepositoryError> {
        self.read(|| self.storage.deleted(scope, query)).await
    }

    async fn undelete(
        &self,
        change: &IcpChange,
        deleted: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        self.write(|| self.storage.undelete(change, deleted, quota, stamp)).await
    }

    async fn remove_old_revisions(&self, replaced_before: Timestamp) -> Result<u64, RepositoryError> {
        self.write(|| self.storage.remove_old_revisions(replaced_before)).await
    }
}

#[async_trait]
impl<R: IcpRepository> HealthCheck for FaultyRepository<R> {
    async fn health(&self) -> Health {
        let health = self.repeat(Instant::now() + HEALTH_TIMEOUT, || self.storage.health()).await;
        health.unwrap_or(Health::Unavailable)
    }
}
