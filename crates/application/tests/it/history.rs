//! Histories and restores, on a repository in memory.

use icp_application::{HistoryRequest, Retention, ServiceError};
use icp_domain::Caller;
use icp_testkit::fixtures::user;
use icp_testkit::memory::InMemoryDatabase;

use crate::support::{Fixture, ada, over};

const SMB: &str = r#"{"name": "SMB", "leadProviderCriteria": []}"#;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

fn fixture(days: u32) -> Fixture {
    let fixture = over(InMemoryDatabase::default());
    Fixture { icps: fixture.icps.clone().with_retention(Retention { days }), ..fixture }
}

#[tokio::test]
async fn replaced_revision_is_kept_for_retention() {
    let fixture = fixture(2);
    let created = fixture.create(&ada(), SMB).await;
    fixture.clock.advance_millis(10 * DAY_MILLIS);
    fixture.patch(&ada(), created.id, r#"{"name": "other"}"#).await;
    fixture.clock.advance_millis(2 * DAY_MILLIS);
    assert_eq!(fixture.icps.remove_old_revisions().await.expect("must remove"), 0);
    assert!(fixture.icps.revision(&ada(), created.id, created.version).await.is_ok());
    fixture.clock.advance_millis(1);
    let hidden = fixture.icps.revision(&ada(), created.id, created.version).await;
    assert!(matches!(hidden, Err(ServiceError::NoRevision)), "{hidden:?}");
    assert_eq!(fixture.icps.remove_old_revisions().await.expect("must remove"), 1);
    let left = fixture.icps.revisions(&ada(), created.id, &HistoryRequest::default()).await;
    assert_eq!(left.expect("must read").revisions.len(), 1, "the current state stays");
}

#[tokio::test]
async fn disabled_history_removes_all_revisions() {
    let fixture = fixture(30);
    let created = fixture.create(&ada(), SMB).await;
    fixture.patch(&ada(), created.id, r#"{"name": "other"}"#).await;
    let off = fixture.icps.clone().with_retention(Retention { days: 0 });
    let refused = off.revisions(&ada(), created.id, &HistoryRequest::default()).await;
    assert!(matches!(refused, Err(ServiceError::HistoryDisabled)), "{refused:?}");
    assert_eq!(off.remove_old_revisions().await.expect("must remove"), 1);
    fixture.patch(&ada(), created.id, r#"{"name": "third"}"#).await;
}

#[tokio::test]
async fn impersonator_is_recorded() {
    let fixture = fixture(30);
    let caller = Caller::impersonated(user("user_ada"), user("user_support"));
    let created = fixture.create(&caller, SMB).await;
    fixture.patch(&caller, created.id, r#"{"name": "other"}"#).await;
    let page = fixture.icps.revisions(&ada(), created.id, &HistoryRequest::default()).await;
    for revision in page.expect("must read").revisions {
        assert_eq!(revision.author, caller.author());
    }
}
