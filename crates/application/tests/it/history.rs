//! Histories and `forget_user`, on a repository in memory.

use std::sync::Mutex;

use async_trait::async_trait;
use icp_application::{HistoryRequest, Preconditions, Retention, ServiceError, forget_stamp, forget_user};
use icp_domain::{Caller, IcpDocument, UserId};
use icp_ports::{ForgetPart, ForgetUser, IcpReader as _, IcpRepository as _, Lookup, RepositoryError};
use icp_testkit::fixtures::{any_creator, icp, id, user};
use icp_testkit::memory::InMemoryDatabase;

use crate::support::{Fixture, ada, fixture_with};

const SMB: &str = r#"{"name": "SMB", "leadProviderCriteria": []}"#;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

fn fixture_with_retention(days: u32) -> Fixture {
    let fixture = fixture_with(InMemoryDatabase::default());
    Fixture { icps: fixture.icps.clone().with_retention(Retention { days }), ..fixture }
}

#[tokio::test]
async fn replaced_revision_is_kept_until_retention_ends() {
    let fixture = fixture_with_retention(2);
    let created = fixture.create(&ada(), SMB).await;
    fixture.clock.advance_millis(10 * DAY_MILLIS);
    fixture.patch(&ada(), created.id, r#"{"name": "other"}"#).await;
    fixture.clock.advance_millis(2 * DAY_MILLIS);
    assert_eq!(fixture.icps.remove_old_revisions().await.expect("the removal must succeed"), 0);
    let kept = fixture.icps.revision(&ada(), created.id, created.version).await;
    assert!(kept.is_ok(), "the revision must be kept for two days: {kept:?}");
    fixture.clock.advance_millis(1);
    let hidden = fixture.icps.revision(&ada(), created.id, created.version).await;
    assert!(matches!(hidden, Err(ServiceError::NoRevision)), "{hidden:?}");
    assert_eq!(fixture.icps.remove_old_revisions().await.expect("the removal must succeed"), 1);
    let left = fixture.icps.revisions(&ada(), created.id, &HistoryRequest::default()).await;
    assert_eq!(
        left.expect("the history must be read").revisions.len(),
        1,
        "only the current state must remain"
    );
}

#[tokio::test]
async fn cleanup_with_disabled_history_removes_all_revisions() {
    let fixture = fixture_with_retention(30);
    let created = fixture.create(&ada(), SMB).await;
    fixture.patch(&ada(), created.id, r#"{"name": "other"}"#).await;
    let off = fixture.icps.clone().with_retention(Retention { days: 0 });
    let refused = off.revisions(&ada(), created.id, &HistoryRequest::default()).await;
    assert!(matches!(refused, Err(ServiceError::HistoryDisabled)), "{refused:?}");
    assert_eq!(off.remove_old_revisions().await.expect("the removal must succeed"), 1);
    let third =
        off.update(&ada(), created.id, r#"{"name": "third"}"#.into(), &Preconditions::default()).await;
    third.expect("the change must succeed");
    let removed = off.remove_old_revisions().await.expect("the removal must succeed");
    assert_eq!(removed, 0, "a change must store no revision while the history is disabled");
}

#[tokio::test]
async fn impersonator_is_recorded() {
    let fixture = fixture_with_retention(30);
    let caller = Caller::impersonated(user("user_ada"), user("user_support"));
    let created = fixture.create(&caller, SMB).await;
    fixture.patch(&caller, created.id, r#"{"name": "other"}"#).await;
    let page = fixture.icps.revisions(&ada(), created.id, &HistoryRequest::default()).await;
    let revisions = page.expect("the history must be read").revisions.into_iter();
    let authors: Vec<_> = revisions.map(|revision| revision.author).collect();
    assert_eq!(authors, [caller.author(), caller.author()]);
}

/// A database in which another user restores an ICP before the first part of the histories is rewritten.
struct RestoringDatabase {
    database: InMemoryDatabase,
    icp: Mutex<Option<IcpDocument>>,
}

#[async_trait]
impl ForgetUser for RestoringDatabase {
    async fn forget(
        &self,
        user_id: &UserId,
        part: ForgetPart,
    ) -> Result<Option<ForgetPart>, RepositoryError> {
        let restored = self.icp.lock().expect("the lock must not be poisoned").take();
        if let Some(icp) = restored {
            self.database.insert(&icp, any_creator(), None).await?;
        }
        self.database.forget(user_id, part).await
    }

    async fn count_rows(&self) -> Result<u64, RepositoryError> {
        self.database.count_rows().await
    }
}

#[tokio::test]
async fn user_of_concurrently_restored_icp_is_forgotten() {
    let database = InMemoryDatabase::default();
    let icp_of_eve = icp(1).users(["user_eve", "user_bob"]).document();
    let histories = RestoringDatabase { database: database.clone(), icp: Mutex::new(Some(icp_of_eve)) };
    let stamp = forget_stamp("2024-06-01T12:00:00Z".parse().expect("must be a valid time"), true);
    let count = forget_user(&database, &histories, &user("user_eve"), &stamp, |_| ()).await;
    assert_eq!(count.expect("must be forgotten"), 1);
    let eve = Caller::user(user("user_eve")).access_scope();
    assert_eq!(database.get(id(1), &eve).await.expect("must read"), Lookup::Forbidden);
}
