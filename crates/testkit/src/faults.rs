//! A repository with a fault-injecting network between it and its storage.

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

const LIMIT: Duration = Duration::from_secs(4);
const HEALTH_LIMIT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// The network between a [`FaultyRepository`] and its storage. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FaultyNetwork(Arc<Network>);

#[derive(Debug, Default)]
struct Network {
    state: watch::Sender<State>,
    loses_next_answer: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    frozen: bool,
    stopped: bool,
    /// Every connection that was opened before the last cut is closed.
    cuts: u64,
}

impl FaultyNetwork {
    fn change(&self, change: impl FnOnce(&mut State)) {
        self.0.state.send_modify(change);
    }
}

impl Faults for FaultyNetwork {
    fn cut(&self) {
        self.change(|state| state.cuts += 1);
    }

    fn freeze(&self) {
        self.change(|state| state.frozen = true);
    }

    fn thaw(&self) {
        self.change(|state| state.frozen = false);
    }

    fn stop(&self) {
        self.change(|state| {
            state.stopped = true;
            state.cuts += 1;
        });
    }

    fn start(&self) {
        self.change(|state| state.stopped = false);
    }

    fn lose_next_answer(&self) {
        self.0.loses_next_answer.store(true, Ordering::SeqCst);
    }
}

/// The reason why an attempt failed.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Refused,
    Lost,
    Late,
}

impl From<Fault> for RepositoryError {
    fn from(fault: Fault) -> Self {
        let text = match fault {
            Fault::Refused => "the connection was refused",
            Fault::Lost => "the connection was lost",
            Fault::Late => "no response in time",
        };
        Self::Unavailable(text.into())
    }
}

/// A repository that reaches another one over a [`FaultyNetwork`]. It handles faults of the network as the suite of
/// [`crate::contract::resilience`] requires.
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
    /// The number of cuts when the connections in the pool were opened.
    pooled: AtomicU64,
}

impl<R: IcpRepository> FaultyRepository<R> {
    /// Puts a network without faults in front of `storage`.
    pub fn new(storage: R) -> Self {
        Self { storage, network: FaultyNetwork::default(), pooled: AtomicU64::new(0) }
    }

    /// The network, to inject faults.
    pub fn network(&self) -> FaultyNetwork {
        self.network.clone()
    }

    /// Waits until the storage gets a request, or returns the fault. The first request after a cut fails.
    async fn send(&self) -> Result<(), Fault> {
        let mut network = self.network.0.state.subscribe();
        let opened = *network.borrow();
        if opened.stopped {
            return Err(Fault::Refused);
        }
        if self.pooled.swap(opened.cuts, Ordering::SeqCst) != opened.cuts {
            return Err(Fault::Lost);
        }
        let state = network.wait_for(|state| !state.frozen || state.cuts != opened.cuts).await;
        let is_open = state.is_ok_and(|state| state.cuts == opened.cuts);
        if is_open { Ok(()) } else { Err(Fault::Lost) }
    }

    /// Calls the storage until a deadline. Repeats a call whose connection was lost.
    async fn repeat<T, F: Future<Output = T>>(
        &self,
        deadline: Instant,
        call: impl Fn() -> F,
    ) -> Result<T, Fault> {
        loop {
            match timeout_at(deadline, self.send()).await {
                Ok(Ok(())) => return Ok(call().await),
                Ok(Err(Fault::Lost)) => sleep(PAUSE).await,
                Ok(Err(fault)) => return Err(fault),
                Err(_) => return Err(Fault::Late),
            }
        }
    }

    async fn read<T, F>(&self, call: impl Fn() -> F) -> Result<T, RepositoryError>
    where
        F: Future<Output = Result<T, RepositoryError>>,
    {
        self.repeat(Instant::now() + LIMIT, call).await?
    }

    /// Calls the storage once.
    async fn write<T, F>(&self, call: impl FnOnce() -> F) -> Result<T, RepositoryError>
    where
        F: Future<Output = Result<T, RepositoryError>>,
    {
        timeout(LIMIT, self.send()).await.map_err(|_| Fault::Late)??;
        let result = call().await;
        let is_lost = self.network.0.loses_next_answer.swap(false, Ordering::SeqCst);
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
        let health = self.repeat(Instant::now() + HEALTH_LIMIT, || self.storage.health()).await;
        health.unwrap_or(Health::Unavailable)
    }
}
