use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use icp_application::{ListRequest, ListResponse, Preconditions, Replica};
use icp_domain::Caller;
use icp_ports::IcpRepository as _;
use icp_testkit::fixtures::{self, any_creator, user};
use icp_testkit::memory::InMemoryDatabase;

use crate::support::{Fixture, SMB, ada, fixture, icp};

/// After a write, the user reads from the primary for this time.
const PRIMARY_READ_TIME: Duration = Duration::from_secs(10);

/// Returns a fixture whose service has a replica that receives no writes.
fn with_stale_replica() -> Fixture {
    let fixture = fixture();
    let replica = Replica::new(Arc::new(InMemoryDatabase::default()), PRIMARY_READ_TIME);
    let icps = fixture.icps.for_worker(Arc::clone(&fixture.repository), Some(replica));
    Fixture { icps, ..fixture }
}

#[tokio::test(start_paused = true)]
async fn only_the_user_who_wrote_reads_from_primary() {
    let fixture = with_stale_replica();
    let body = r#"{"name": "A", "leadProviderCriteria": [], "userIds": ["user_eve"]}"#;
    let created = fixture.create(&ada(), body).await;
    assert_eq!(fixture.get(created.id).await, created);
    assert_ne!(fixture.list(&ada()).await.0, "[]", "the writer must read from the primary");
    let eve = Caller::user(user("user_eve"));
    assert_eq!(fixture.list(&eve).await.0, "[]", "another user must read from the replica");

    tokio::time::advance(PRIMARY_READ_TIME).await;
    assert_eq!(fixture.list(&ada()).await.0, "[]", "must read from the replica again");
}

#[tokio::test(start_paused = true)]
async fn change_never_depends_on_replica() {
    let fixture = with_stale_replica();
    let created = fixture.create(&ada(), SMB).await;
    tokio::time::advance(PRIMARY_READ_TIME).await;
    assert_eq!(icp(&fixture.patch(&ada(), created.id, r#"{"name": "B"}"#).await).name, "B");
    assert_ne!(fixture.list(&ada()).await.0, "[]", "must read from the primary after a change");
    tokio::time::advance(PRIMARY_READ_TIME).await;
    fixture
        .icps
        .delete(&ada(), created.id, &Preconditions::default())
        .await
        .expect("the primary must have the ICP");
}

/// The version of a list may be from the primary. So no later part may be older.
#[tokio::test]
async fn later_parts_of_long_list_are_read_from_primary() {
    let (fixture, replica) = (fixture(), Arc::new(InMemoryDatabase::default()));
    for number in 1..=3 {
        let named = |name: &str| fixtures::icp(number).users(["user_ada"]).with("name", name).document();
        let stored = fixture.repository.insert(&named("current"), any_creator(), None).await;
        stored.expect("the primary must store the ICP");
        replica.insert(&named("old"), any_creator(), None).await.expect("the replica must store the ICP");
    }
    let replica = Replica::new(replica, PRIMARY_READ_TIME);
    let icps = fixture.icps.for_worker(Arc::clone(&fixture.repository), Some(replica));
    let icps = icps.with_response_buffer(NonZeroUsize::MIN);
    let list = icps.list(&ada(), &ListRequest::default(), &Preconditions::default()).await;
    let Ok(ListResponse::Long { first, mut rest, .. }) = list else { panic!("{list:?}") };
    assert!(first.to_json().contains("old"), "the replica must serve the first part");
    let mut count = first.len();
    while let Some(part) = rest.next_part().await.expect("the part must be read") {
        assert!(part.is_empty() || part.to_json().contains("current"), "{}", part.to_json());
        count += part.len();
    }
    assert_eq!(count, 3);
}
