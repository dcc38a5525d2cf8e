use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use icp_application::{IcpService, ListRequest, ListResponse, Preconditions, VersionMatch};
use icp_domain::{Caller, Icp, IcpId, Rules};
use icp_ports::{Conditional, IcpRepository, ListVersion, StoredIcp, Version};
use icp_testkit::fakes::FakeClock;
use icp_testkit::fixtures::{id, user};
use icp_testkit::memory::InMemoryDatabase;

pub(crate) const SMB: &str = r#"{"name": "SMB", "leadProviderCriteria": []}"#;

/// The service, its repository, and the clock that the test sets.
pub(crate) struct Fixture {
    pub(crate) icps: IcpService,
    pub(crate) repository: Arc<dyn IcpRepository>,
    pub(crate) clock: Arc<FakeClock>,
}

/// Returns a new ID in each call.
fn next_id() -> IcpId {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    id(NEXT.fetch_add(1, Ordering::SeqCst).into())
}

pub(crate) fn fixture() -> Fixture {
    fixture_with(InMemoryDatabase::default())
}

pub(crate) fn fixture_with(repository: impl IcpRepository + 'static) -> Fixture {
    let clock = Arc::new(FakeClock::at("2024-06-01T12:00:00Z".parse().expect("must be a valid time")));
    let shared: Arc<FakeClock> = Arc::clone(&clock);
    let repository: Arc<dyn IcpRepository> = Arc::new(repository);
    Fixture { icps: IcpService::new(repository.clone(), shared, next_id), repository, clock }
}

pub(crate) fn ada() -> Caller {
    Caller::user(user("user_ada"))
}

pub(crate) fn icp(stored: &StoredIcp) -> Icp {
    Icp::from_json(&stored.json, Rules::Strict).expect("must be valid")
}

pub(crate) fn if_match(version: Version) -> Preconditions<Version> {
    Preconditions { if_match: Some(VersionMatch::OneOf(vec![version])), if_none_match: None }
}

pub(crate) fn if_none_match<V>(versions: VersionMatch<V>) -> Preconditions<V> {
    Preconditions { if_match: None, if_none_match: Some(versions) }
}

impl Fixture {
    pub(crate) async fn create(&self, caller: &Caller, body: &str) -> StoredIcp {
        let created = self.icps.create(caller, body.into(), None, &Preconditions::default()).await;
        created.expect("must create").icp
    }

    pub(crate) async fn patch(&self, caller: &Caller, id: IcpId, body: &str) -> StoredIcp {
        let patched = self.icps.update(caller, id, body.into(), &Preconditions::default()).await;
        patched.expect("must patch")
    }

    /// Returns the caller's list, and its version.
    pub(crate) async fn list(&self, caller: &Caller) -> (String, ListVersion) {
        match self.icps.list(caller, &ListRequest::default(), &Preconditions::default()).await {
            Ok(ListResponse::Buffered { icps, version, .. }) => (icps.to_json(), version),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn get(&self, id: IcpId) -> StoredIcp {
        match self.icps.get(&ada(), id, &Preconditions::default()).await {
            Ok(Conditional::Changed(icp)) => icp,
            other => panic!("{other:?}"),
        }
    }
}
