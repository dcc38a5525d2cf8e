//! The list cache. The storage returns a list that is not cached, and only confirms the version of a cached list.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use icp_domain::{AccessScope, Caller, IcpChange, IcpDocument, IcpId};
use icp_ports::{
    Conditional, Creation, Creator, Health, HealthCheck, IcpHistory, IcpList, IcpReader, IcpRepository,
    IdempotencyKey, ListQuery, ListVersion, Lookup, Quota, Replacement, RepositoryError, Stamp, StoredIcp,
    Version,
};
use icp_testkit::fixtures::user;
use icp_testkit::memory::InMemoryDatabase;

use crate::support::{Fixture, fixture_with};

/// The number of lists that the storage returned, and the number that it confirmed.
#[derive(Default)]
struct Counts {
    returned: AtomicU32,
    confirmed: AtomicU32,
}

/// A repository that counts returned and confirmed lists.
struct CountingRepository {
    database: InMemoryDatabase,
    counts: Arc<Counts>,
}

#[async_trait]
impl IcpReader for CountingRepository {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        self.database.list(query).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.database.get(id, scope).await
    }

    async fn list_if_changed(
        &self,
        query: &ListQuery,
        known: &[ListVersion],
    ) -> Result<Conditional<IcpList, ListVersion>, RepositoryError> {
        let answer = self.database.list_if_changed(query, known).await?;
        let count = match answer {
            Conditional::Changed(_) => &self.counts.returned,
            Conditional::Unchanged(_) => &self.counts.confirmed,
        };
        count.fetch_add(1, Ordering::SeqCst);
        Ok(answer)
    }
}

#[async_trait]
impl IcpRepository for CountingRepository {
    async fn insert(
        &self,
        document: &IcpDocument,
        creator: &Creator,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        self.database.insert(document, creator, key).await
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        self.database.replace(change, expected, quota, stamp).await
    }

    async fn delete(&self, id: IcpId, expected: Version, stamp: &Stamp) -> Result<bool, RepositoryError> {
        self.database.delete(id, expected, stamp).await
    }
}

impl IcpHistory for CountingRepository {}

#[async_trait]
impl HealthCheck for CountingRepository {
    async fn health(&self) -> Health {
        Health::Ok
    }
}

fn with_cache() -> (Fixture, Arc<Counts>) {
    let counts = Arc::<Counts>::default();
    let repository =
        CountingRepository { database: InMemoryDatabase::default(), counts: Arc::clone(&counts) };
    let fixture = fixture_with(repository);
    (Fixture { icps: fixture.icps.clone().with_list_cache(100_000), ..fixture }, counts)
}

impl Counts {
    /// Returns the number of returned lists, and the number of confirmed lists.
    fn get(&self) -> (u32, u32) {
        (self.returned.load(Ordering::SeqCst), self.confirmed.load(Ordering::SeqCst))
    }
}

fn caller(name: &str) -> Caller {
    Caller::user(user(name))
}

const SHARED: &str = r#"{"name": "shared", "leadProviderCriteria": [], "userIds": ["user_bob"]}"#;

#[tokio::test]
async fn cached_list_is_confirmed_each_time() {
    let (fixture, counts) = with_cache();
    let (ada, bob) = (caller("user_ada"), caller("user_bob"));
    fixture.create(&ada, SHARED).await;
    let first = fixture.list(&bob).await;
    for _ in 0..3 {
        assert_eq!(fixture.list(&bob).await, first);
    }
    assert_eq!(counts.get(), (1, 3));
    fixture.create(&ada, r#"{"name": "own", "leadProviderCriteria": []}"#).await;
    assert_eq!(fixture.list(&bob).await, first);
    assert_eq!(counts.get(), (1, 4), "a change of another user's list must not invalidate this list");
}

#[tokio::test]
async fn write_invalidates_own_list() {
    let (fixture, counts) = with_cache();
    let ada = caller("user_ada");
    let id = fixture.create(&ada, SHARED).await.id;
    fixture.list(&ada).await;
    fixture.patch(&ada, id, r#"{"name": "renamed"}"#).await;
    assert!(fixture.list(&ada).await.0.contains(r#""name":"renamed""#));
    assert_eq!(counts.get(), (2, 0));
}

#[tokio::test]
async fn change_by_others_is_in_next_response() {
    let (fixture, _) = with_cache();
    let (ada, bob) = (caller("user_ada"), caller("user_bob"));
    let id = fixture.create(&ada, SHARED).await.id;
    assert!(fixture.list(&bob).await.0.contains(r#""name":"shared""#));
    fixture.patch(&ada, id, r#"{"name": "renamed"}"#).await;
    assert!(fixture.list(&bob).await.0.contains(r#""name":"renamed""#));
    fixture.create(&ada, &SHARED.replace("shared", "second")).await;
    assert!(fixture.list(&bob).await.0.contains(r#""name":"second""#));
    fixture.patch(&ada, id, r#"{"userIds": ["user_ada"]}"#).await;
    assert!(
        !fixture.list(&bob).await.0.contains("renamed"),
        "the list must not contain an ICP after access was revoked"
    );
}
