//! The use cases over a repository in memory, or over one that has somebody else come in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use icp_domain::{AccessScope, Caller, Icp, IcpChange, IcpDocument, IcpId, IcpPatch, NewIcp, Rules};
use icp_ports::{
    Creation, Health, HealthCheck, IcpList, IcpReader, IcpRepository, IdempotencyKey, ListQuery, Lookup,
    RepositoryError, StoredIcp, Version,
};
use icp_testkit::fakes::FakeClock;
use icp_testkit::fixtures::{id, user};
use icp_testkit::memory::InMemoryDatabase;

use super::{Fetched, IcpService, Known, ListRequest, Listed, Refusal};

struct Fixture {
    icps: IcpService,
    clock: Arc<FakeClock>,
}

fn ids() -> IcpId {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    id(NEXT.fetch_add(1, Ordering::SeqCst).into())
}

fn fixture() -> Fixture {
    over(InMemoryDatabase::default())
}

fn over(repository: impl IcpRepository + 'static) -> Fixture {
    let clock = Arc::new(FakeClock::at("2024-06-01T12:00:00Z".parse().expect("a time")));
    let shared: Arc<FakeClock> = Arc::clone(&clock);
    Fixture { icps: IcpService::new(Arc::new(repository), shared, ids), clock }
}

fn ada() -> Caller {
    Caller::user(user("user_ada"))
}

fn new(body: &str) -> NewIcp {
    NewIcp::from_json(body).expect("it is right")
}

fn patch(body: &str) -> IcpPatch {
    IcpPatch::from_json(body, &ada()).expect("it is right")
}

fn icp(stored: &StoredIcp) -> Icp {
    Icp::from_json(&stored.json, Rules::Strict).expect("it is right")
}

const SMB: &str = r#"{"name": "SMB", "leadProviderCriteria": []}"#;

impl Fixture {
    async fn created(&self) -> StoredIcp {
        self.icps.create(&ada(), new(SMB)).await.expect("it creates")
    }

    async fn listed(&self, caller: &Caller) -> String {
        match self.icps.list(caller, &ListRequest::default(), None).await.expect("it lists") {
            Listed::Icps { icps, .. } => icps.to_json(),
            Listed::Parts { .. } => panic!("a short list came in parts"),
            Listed::Unchanged(_) => panic!("the client knows nothing"),
        }
    }

    async fn read(&self, id: IcpId) -> StoredIcp {
        match self.icps.get(&ada(), id, None).await.expect("it reads") {
            Fetched::Icp(icp) => icp,
            Fetched::Unchanged(_) => panic!("the client knows nothing"),
        }
    }
}

#[tokio::test]
async fn what_is_created_is_what_is_read() {
    let fixture = fixture();
    let created = fixture.created().await;
    assert_eq!(fixture.read(created.id).await, created);
    assert_eq!(icp(&created).user_ids, [user("user_ada")]);
    assert_eq!(icp(&created).created_at, "2024-06-01T12:00:00Z".parse().expect("a time"));
}

#[tokio::test]
async fn a_known_version_is_not_sent_again() {
    let fixture = fixture();
    let created = fixture.created().await;
    let get = async |known| fixture.icps.get(&ada(), created.id, Some(&known)).await.expect("it reads");
    assert_eq!(get(Known::Any).await, Fetched::Unchanged(created.version));
    assert_eq!(get(Known::Of(vec![created.version])).await, Fetched::Unchanged(created.version));
    assert_eq!(get(Known::Of(vec![])).await, Fetched::Icp(created.clone()));
}

#[tokio::test]
async fn a_stranger_does_nothing_at_all() {
    let fixture = fixture();
    let id = fixture.created().await.id;
    let before = fixture.read(id).await;
    let eve = Caller::user(user("user_eve"));
    for known in [None, Some(&Known::Any)] {
        assert!(matches!(fixture.icps.get(&eve, id, known).await, Err(Refusal::Forbidden)));
        let patched = fixture.icps.update(&eve, id, patch(r#"{"name": "mine"}"#), known).await;
        assert!(matches!(patched, Err(Refusal::Forbidden)), "{patched:?}");
        assert!(matches!(fixture.icps.delete(&eve, id, known).await, Err(Refusal::Forbidden)));
    }
    assert_eq!(fixture.read(id).await, before);
    assert_eq!(fixture.listed(&eve).await, "[]");
}

#[tokio::test]
async fn a_patch_that_changes_nothing_leaves_the_version() {
    let fixture = fixture();
    let created = fixture.created().await;
    fixture.clock.advance_millis(5_000);
    let patched = fixture.icps.update(&ada(), created.id, patch(r#"{"name": "SMB"}"#), None).await;
    assert_eq!(patched.expect("it is fine"), created);
}

#[tokio::test]
async fn updated_at_moves_on_within_a_millisecond_and_when_the_clock_goes_back() {
    let fixture = fixture();
    let mut last = fixture.created().await;
    for round in 0..5 {
        let body = format!(r#"{{"name": "round {round}"}}"#);
        let patched = fixture.icps.update(&ada(), last.id, patch(&body), None).await.expect("it patches");
        assert!(icp(&patched).updated_at > icp(&last).updated_at, "round {round}");
        assert!(patched.version > last.version);
        fixture.clock.advance_millis(-1_000 * i64::from(round));
        last = patched;
    }
}

#[tokio::test]
async fn only_the_versions_that_are_named_are_changed() {
    let fixture = fixture();
    let created = fixture.created().await;
    let old = Known::Of(vec![created.version]);
    let update = async |body: &str| fixture.icps.update(&ada(), created.id, patch(body), Some(&old)).await;
    update(r#"{"name": "first"}"#).await.expect("it is at that version");
    for body in [r#"{"name": "second"}"#, r#"{"name": "first"}"#, "{}"] {
        let late = update(body).await;
        assert!(matches!(late, Err(Refusal::OtherVersion)), "{late:?}");
    }
    let deleted = fixture.icps.delete(&ada(), created.id, Some(&old)).await;
    assert!(matches!(deleted, Err(Refusal::OtherVersion)), "{deleted:?}");
    fixture.icps.delete(&ada(), created.id, Some(&Known::Any)).await.expect("it is at some version");
    assert!(matches!(fixture.icps.get(&ada(), created.id, None).await, Err(Refusal::NotFound)));
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let fixture = fixture();
    let key = IdempotencyKey { user_id: user("user_ada"), key: "k".to_owned(), fingerprint: [1; 32] };
    let create = async || fixture.icps.create_once(&ada(), new(SMB), &key).await.expect("it creates");
    let first = create().await;
    assert_eq!(fixture.icps.remove_expired_keys().await.expect("it removes"), 0);
    assert_eq!(create().await, first);
    fixture.clock.advance_millis(24 * 60 * 60 * 1_000 + 1);
    assert_eq!(fixture.icps.remove_expired_keys().await.expect("it removes"), 1);
    assert_ne!(create().await, first);
}

/// A repository on which, before each write, somebody else renames the ICP; or whose keys are always in use.
struct Busy {
    database: InMemoryDatabase,
    /// How often somebody comes in between.
    times: AtomicU32,
}

impl Busy {
    async fn interfere(&self, id: IcpId) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let left = self.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |times| times.checked_sub(1));
        let Ok(left) = left.map(|times| times - 1) else { return };
        let root = Caller::admin(user("user_root")).access_scope();
        let Ok(Lookup::Found(stored)) = self.database.get(id, &root).await else { return };
        let before = icp(&stored);
        let after = Icp { description: Some(format!("{left} to come")), ..before.clone() };
        self.database.replace(&IcpChange::between(&before, after), stored.version).await.expect("it writes");
    }
}

#[async_trait]
impl IcpReader for Busy {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        self.database.list(query).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.database.get(id, scope).await
    }
}

#[async_trait]
impl IcpRepository for Busy {
    async fn insert(
        &self,
        document: &IcpDocument,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        match key {
            Some(_) => Ok(Creation::InProgress),
            None => self.database.insert(document, None).await,
        }
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
    ) -> Result<Option<Version>, RepositoryError> {
        self.interfere(change.id()).await;
        self.database.replace(change, expected).await
    }

    async fn delete(&self, id: IcpId, expected: Version) -> Result<bool, RepositoryError> {
        self.interfere(id).await;
        self.database.delete(id, expected).await
    }
}

#[async_trait]
impl HealthCheck for Busy {
    async fn health(&self) -> Health {
        Health::Ok
    }
}

fn busy(times: u32) -> Fixture {
    over(Busy { database: InMemoryDatabase::default(), times: AtomicU32::new(times) })
}

#[tokio::test]
async fn patch_is_repeated_on_newer_version() {
    let fixture = busy(3);
    let id = fixture.created().await.id;
    let patched = fixture.icps.update(&ada(), id, patch(r#"{"name": "after"}"#), None).await;
    let patched = icp(&patched.expect("it is tried again"));
    assert_eq!((patched.name.as_str(), patched.description.as_deref()), ("after", Some("0 to come")));
}

#[tokio::test]
async fn a_patch_of_a_named_version_is_not_made_on_another() {
    let fixture = busy(1);
    let created = fixture.created().await;
    let only = Known::Of(vec![created.version]);
    let patched = fixture.icps.update(&ada(), created.id, patch(r#"{"name": "after"}"#), Some(&only)).await;
    assert!(matches!(patched, Err(Refusal::OtherVersion)), "{patched:?}");
    assert_eq!(icp(&fixture.read(created.id).await).name, "SMB");
}

#[tokio::test]
async fn a_delete_is_tried_again_and_one_of_a_named_version_is_not() {
    let fixture = busy(2);
    let created = fixture.created().await;
    let only = Known::Of(vec![created.version]);
    let deleted = fixture.icps.delete(&ada(), created.id, Some(&only)).await;
    assert!(matches!(deleted, Err(Refusal::OtherVersion)), "{deleted:?}");
    fixture.icps.delete(&ada(), created.id, None).await.expect("it is tried again");
}

#[tokio::test(start_paused = true)]
async fn endless_contention_is_reported() {
    let fixture = busy(u32::MAX);
    let id = fixture.created().await.id;
    let patched = fixture.icps.update(&ada(), id, patch(r#"{"name": "after"}"#), None).await;
    assert!(matches!(patched, Err(Refusal::Contended)), "{patched:?}");

    let key = IdempotencyKey { user_id: user("user_ada"), key: "k".to_owned(), fingerprint: [1; 32] };
    let created = fixture.icps.create_once(&ada(), new(SMB), &key).await;
    assert!(matches!(created, Err(Refusal::KeyInUse)), "{created:?}");
}

mod replica {
    use super::*;
    use crate::icps::Replica;

    const WHILE: Duration = Duration::from_secs(10);

    /// A replica that receives nothing.
    fn with_stale_replica() -> Fixture {
        let fixture = fixture();
        let replica = Replica::new(Arc::new(InMemoryDatabase::default()), WHILE);
        let primary = fixture.icps.repository.clone();
        Fixture { icps: fixture.icps.for_worker(primary, Some(replica)), clock: fixture.clock }
    }

    async fn count(fixture: &Fixture, caller: &Caller) -> usize {
        match fixture.icps.list(caller, &ListRequest::default(), None).await.expect("it lists") {
            Listed::Icps { icps, .. } => icps.len(),
            Listed::Parts { .. } => panic!("a short list came in parts"),
            Listed::Unchanged(_) => panic!("nothing was known"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn writer_reads_primary_and_others_replica() {
        let fixture = with_stale_replica();
        let body = r#"{"name": "A", "leadProviderCriteria": [], "userIds": ["user_eve"]}"#;
        let created = fixture.icps.create(&ada(), new(body)).await.expect("it is created");
        assert!(matches!(fixture.icps.get(&ada(), created.id, None).await, Ok(Fetched::Icp(_))));
        assert_eq!(count(&fixture, &ada()).await, 1);
        assert_eq!(count(&fixture, &Caller::user(user("user_eve"))).await, 0);

        tokio::time::advance(WHILE).await;
        assert_eq!(count(&fixture, &ada()).await, 0, "by now the replica should have it");
    }

    #[tokio::test(start_paused = true)]
    async fn change_never_depends_on_replica() {
        let fixture = with_stale_replica();
        let created = fixture.icps.create(&ada(), new(SMB)).await.expect("it is created");
        tokio::time::advance(WHILE).await;
        let change = patch(r#"{"name": "B"}"#);
        let changed = fixture.icps.update(&ada(), created.id, change, None).await.expect("it is there");
        assert_eq!(icp(&changed).name, "B");
        assert_eq!(count(&fixture, &ada()).await, 1, "a change makes a writer, too");
        tokio::time::advance(WHILE).await;
        fixture.icps.delete(&ada(), created.id, None).await.expect("it is there");
        assert!(matches!(fixture.icps.get(&ada(), created.id, None).await, Err(Refusal::NotFound)));
    }
}
