use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use icp_application::{Preconditions, RequestKey, ServiceError, VersionMatch};
use icp_domain::{AccessScope, Caller, Icp, IcpChange, IcpDocument, IcpId};
use icp_ports::{
    Creation, Creator, Health, HealthCheck, IcpHistory, IcpList, IcpReader, IcpRepository, IdempotencyKey,
    ListQuery, Lookup, Quota, Replacement, RepositoryError, Stamp, StoredIcp, Version,
};
use icp_testkit::fixtures::{stamp_without_history, user};
use icp_testkit::memory::InMemoryDatabase;

use crate::support::{Fixture, SMB, ada, fixture, fixture_with, icp, if_match, if_none_match};

const NO_PRECONDITIONS: Preconditions<Version> = Preconditions { if_match: None, if_none_match: None };

fn key() -> RequestKey {
    "k".to_owned().try_into().expect("must be valid")
}

#[tokio::test]
async fn created_icp_can_be_read() {
    let fixture = fixture();
    let created = fixture.create(&ada(), SMB).await;
    assert_eq!(fixture.get(created.id).await, created);
    assert_eq!(icp(&created).user_ids, [user("user_ada")]);
    assert_eq!(icp(&created).created_at, "2024-06-01T12:00:00Z".parse().expect("must be a valid time"));
}

#[tokio::test]
async fn user_without_access_is_forbidden() {
    let fixture = fixture();
    let id = fixture.create(&ada(), SMB).await.id;
    let before = fixture.get(id).await;
    let eve = Caller::user(user("user_eve"));
    for preconditions in [NO_PRECONDITIONS, if_match(before.version), if_match(Version(7))] {
        let got = fixture.icps.get(&eve, id, &preconditions).await;
        assert!(matches!(got, Err(ServiceError::Forbidden)), "{got:?}");
        let body = r#"{"name": "mine"}"#;
        let patched = fixture.icps.update(&eve, id, body.into(), &preconditions).await;
        assert!(matches!(patched, Err(ServiceError::Forbidden)), "{patched:?}");
        let preview = fixture.icps.preview_update(&eve, id, body.into(), &preconditions).await;
        assert!(matches!(preview, Err(ServiceError::Forbidden)), "{preview:?}");
        let deleted = fixture.icps.delete(&eve, id, &preconditions).await;
        assert!(matches!(deleted, Err(ServiceError::Forbidden)), "{deleted:?}");
    }
    assert_eq!(fixture.get(id).await, before);
    assert_eq!(fixture.list(&eve).await.0, "[]");
}

#[tokio::test]
async fn preview_validates_and_stores_nothing() {
    let fixture = fixture();
    let preview = fixture
        .icps
        .preview_create(&ada(), SMB.into(), &Preconditions::default())
        .await
        .expect("must be valid");
    assert!(preview.contains(r#""userIds":["user_ada"]"#), "{preview}");
    assert_eq!(fixture.list(&ada()).await.0, "[]");
    let created = fixture.create(&ada(), SMB).await;
    let body = r#"{"name": "after"}"#;
    let preview = fixture.icps.preview_update(&ada(), created.id, body.into(), &NO_PRECONDITIONS).await;
    assert!(preview.expect("must be valid").contains(r#""name":"after""#));
    assert_eq!(fixture.get(created.id).await, created);
    for invalid in ["{}", "[]", "{"] {
        let preview = fixture.icps.preview_create(&ada(), invalid.into(), &Preconditions::default()).await;
        assert!(matches!(preview, Err(ServiceError::Invalid(_))), "{preview:?}");
    }
}

#[tokio::test]
async fn patch_without_effect_keeps_version() {
    let fixture = fixture();
    let created = fixture.create(&ada(), SMB).await;
    fixture.clock.advance_millis(5_000);
    assert_eq!(fixture.patch(&ada(), created.id, r#"{"name": "SMB"}"#).await, created);
}

#[tokio::test]
async fn updated_at_grows_if_clock_goes_back() {
    let fixture = fixture();
    let mut last = fixture.create(&ada(), SMB).await;
    for round in 0..5 {
        let patched = fixture.patch(&ada(), last.id, &format!(r#"{{"name": "round {round}"}}"#)).await;
        assert!(icp(&patched).updated_at > icp(&last).updated_at, "round {round}");
        assert!(patched.version > last.version, "the version must grow in round {round}");
        fixture.clock.advance_millis(-1_000 * i64::from(round));
        last = patched;
    }
}

#[tokio::test]
async fn key_expires_after_a_day() {
    let fixture = fixture();
    let key = key();
    let create = async || {
        let created = fixture.icps.create(&ada(), SMB.into(), Some(&key), &Preconditions::default()).await;
        created.expect("must create")
    };
    let first = create().await;
    assert!(!first.is_replay, "the first request must create the ICP");
    assert_eq!(fixture.icps.remove_expired_keys().await.expect("must remove"), 0);
    let second = create().await;
    assert!(second.is_replay, "the second request must not create an ICP");
    assert_eq!(second.icp, first.icp);
    fixture.clock.advance_millis(24 * 60 * 60 * 1_000 + 1);
    assert_eq!(fixture.icps.remove_expired_keys().await.expect("must remove"), 1);
    assert_ne!(create().await.icp, first.icp);
}

#[tokio::test]
async fn key_with_another_body_is_refused() {
    let fixture = fixture();
    let key = key();
    let create = async |body: &str| {
        fixture.icps.create(&ada(), body.into(), Some(&key), &Preconditions::default()).await
    };
    create(SMB).await.expect("must create");
    let other = create(r#"{"name": "other", "leadProviderCriteria": []}"#).await;
    assert!(matches!(other, Err(ServiceError::KeyReused)), "{other:?}");
}

/// A repository in which another writer changes the ICP before each change and delete, until it has made all its
/// changes. Every idempotency key is always in use.
struct ContendedRepository {
    database: InMemoryDatabase,
    /// The number of changes that the other writer still makes.
    times: AtomicU32,
    reads: Arc<AtomicU32>,
}

impl ContendedRepository {
    /// Changes the ICP as the other writer, unless that writer has made all its changes.
    async fn write_as_other(&self, id: IcpId) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let left = self.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |times| times.checked_sub(1));
        let Ok(left) = left.map(|times| times - 1) else { return };
        let root = Caller::admin(user("user_root")).access_scope();
        let Ok(Lookup::Found(stored)) = self.database.get(id, &root).await else { return };
        let before = icp(&stored);
        let after = Icp { description: Some(format!("{left} changes left")), ..before.clone() };
        self.database
            .replace(
                &IcpChange::between(&before, after),
                stored.version,
                Quota::UNLIMITED,
                stamp_without_history(),
            )
            .await
            .expect("must write");
    }
}

#[async_trait]
impl IcpReader for ContendedRepository {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        self.database.list(query).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.database.get(id, scope).await
    }
}

#[async_trait]
impl IcpRepository for ContendedRepository {
    async fn insert(
        &self,
        document: &IcpDocument,
        creator: &Creator,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        match key {
            Some(_) => Ok(Creation::InProgress),
            None => self.database.insert(document, creator, None).await,
        }
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        self.write_as_other(change.id()).await;
        self.database.replace(change, expected, quota, stamp).await
    }

    async fn delete(&self, id: IcpId, expected: Version, stamp: &Stamp) -> Result<bool, RepositoryError> {
        self.write_as_other(id).await;
        self.database.delete(id, expected, stamp).await
    }
}

impl IcpHistory for ContendedRepository {}

#[async_trait]
impl HealthCheck for ContendedRepository {
    async fn health(&self) -> Health {
        Health::Ok
    }
}

fn contended_fixture(times: u32) -> Fixture {
    let reads = Arc::default();
    fixture_with(ContendedRepository {
        database: InMemoryDatabase::default(),
        times: AtomicU32::new(times),
        reads,
    })
}

#[tokio::test]
async fn patch_is_repeated_on_newer_version() {
    let fixture = contended_fixture(3);
    let id = fixture.create(&ada(), SMB).await.id;
    let patched = icp(&fixture.patch(&ada(), id, r#"{"name": "after"}"#).await);
    assert_eq!((patched.name.as_str(), patched.description.as_deref()), ("after", Some("0 changes left")));
}

#[tokio::test(start_paused = true)]
async fn contended_patches_read_icp_once_each() {
    const PATCHES: u32 = 100;
    let reads = Arc::<AtomicU32>::default();
    let (database, times) = (InMemoryDatabase::default(), AtomicU32::new(0));
    let fixture = fixture_with(ContendedRepository { database, times, reads: Arc::clone(&reads) });
    let id = fixture.create(&ada(), SMB).await.id;
    let mut patches = tokio::task::JoinSet::new();
    for number in 0..PATCHES {
        let icps = fixture.icps.clone();
        let body = format!(r#"{{"leadsPerList": {}}}"#, number + 100);
        patches.spawn(async move { icps.update(&ada(), id, body.into(), &Preconditions::default()).await });
    }
    for patched in patches.join_all().await {
        patched.expect("must succeed after the other patches");
    }
    assert_eq!(reads.load(Ordering::SeqCst), PATCHES);
}

#[tokio::test]
async fn conditional_patch_is_not_repeated() {
    let fixture = contended_fixture(1);
    let created = fixture.create(&ada(), SMB).await;
    let body = r#"{"name": "after"}"#;
    let patched = fixture.icps.update(&ada(), created.id, body.into(), &if_match(created.version)).await;
    assert!(matches!(patched, Err(ServiceError::PreconditionFailed)), "{patched:?}");
    assert_eq!(icp(&fixture.get(created.id).await).name, "SMB");
}

#[tokio::test]
async fn only_unconditional_delete_is_repeated() {
    let fixture = contended_fixture(2);
    let created = fixture.create(&ada(), SMB).await;
    let deleted = fixture.icps.delete(&ada(), created.id, &if_match(created.version)).await;
    assert!(matches!(deleted, Err(ServiceError::PreconditionFailed)), "{deleted:?}");
    fixture.icps.delete(&ada(), created.id, &NO_PRECONDITIONS).await.expect("must be repeated");
}

#[tokio::test(start_paused = true)]
async fn endless_contention_of_icp_or_key_is_reported() {
    let fixture = contended_fixture(u32::MAX);
    let id = fixture.create(&ada(), SMB).await.id;
    let patched = fixture.icps.update(&ada(), id, r#"{"name": "after"}"#.into(), &NO_PRECONDITIONS).await;
    assert!(matches!(patched, Err(ServiceError::Contended)), "{patched:?}");

    let key = key();
    let created = fixture.icps.create(&ada(), SMB.into(), Some(&key), &Preconditions::default()).await;
    assert!(matches!(created, Err(ServiceError::KeyInUse)), "{created:?}");
    // The first request with the key is in progress, so its result is unknown, and may have changed the list.
    let precondition = if_none_match(VersionMatch::Any);
    let created = fixture.icps.create(&ada(), SMB.into(), Some(&key), &precondition).await;
    assert!(matches!(created, Err(ServiceError::KeyInUse)), "{created:?}");
}
