//! Concurrent changes, restores and deletes of one ICP.

use icp_domain::{Caller, IcpChange, IcpDocument, Operation};
use icp_ports::{Quota, Replacement, Stamp, StoredIcp, Version};

use super::support::{TestHistory, stamp_at, time_at, undelete_change};
use crate::contract::repository::support::concurrently;
use crate::fixtures::{document, icp, id, user};

const TASKS: u32 = 64;

/// A successful change: the new version and the stored document.
type SuccessfulChange = (Version, String);

/// Renames, shares or restores ICP 1. Tries again if another task has changed the ICP.
async fn change_once(history: &TestHistory, task: u32, first: &IcpDocument) -> SuccessfulChange {
    let stamp = Stamp { author: Caller::user(user(&format!("user_{task}"))).author(), ..stamp_at(1) };
    loop {
        let StoredIcp { version, json, .. } = history.must_find(1).await;
        let before = document(&json).to_icp().expect("the document must be an ICP");
        let mut after = before.clone();
        match task % 4 {
            0 => after.user_ids.push(user(&format!("user_{task}"))),
            _ => after.name = format!("task {task}"),
        }
        let restoring = || {
            IcpChange::restoring(&before, &first.to_icp().expect("the document must be an ICP"), time_at(1))
        };
        let change = if task % 4 == 1 { restoring() } else { None };
        let change = change.unwrap_or_else(|| IcpChange::between(&before, after));
        if let Replacement::Replaced(version) = history.try_edit(&change, version, &stamp).await {
            return (version, change.document().json().to_owned());
        }
    }
}

pub(super) async fn concurrent_changes_are_recorded_once_in_order(history: TestHistory) {
    let first = icp(1).with("name", "first").document();
    let created = history.insert_one(&first).await;
    let mut changes = concurrently(TASKS, |task| {
        let (history, first) = (history.clone(), first.clone());
        async move { change_once(&history, task, &first).await }
    })
    .await;
    changes.push((created, first.json().to_owned()));
    changes.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let revisions = history.all_revisions(1).await;
    let versions: Vec<_> = revisions.iter().map(|revision| revision.version).collect();
    let acknowledged: Vec<_> = changes.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions, acknowledged, "each acknowledged change must be in the history once, in order");
    for (version, json) in changes {
        assert_eq!(history.revision_text(1, version).await, Some(json), "{version}");
    }
}

pub(super) async fn one_of_16_undeletes_succeeds(history: TestHistory) {
    let last = icp(1).document();
    let version = history.insert_one(&last).await;
    let deleted = history.erase(1, version, &stamp_at(1)).await;
    let results = concurrently(16, |_| {
        let (history, last) = (history.clone(), last.clone());
        async move { history.undelete_to(&last, &last, deleted, Quota::UNLIMITED).await }
    })
    .await;
    let succeeded = results.iter().filter(|result| matches!(result, Replacement::Replaced(_)));
    assert_eq!(succeeded.count(), 1, "{results:?}");
    assert_eq!(history.must_find(1).await.json, undelete_change(&last, &last).document().json());
    assert_eq!(history.all_revisions(1).await.len(), 3);
}

pub(super) async fn concurrent_deletes_and_undeletes_leave_icp_consistent(history: TestHistory) {
    let last = icp(1).document();
    history.insert_one(&last).await;
    let counts = concurrently(32, |task| {
        let (history, last) = (history.clone(), last.clone());
        async move {
            let Some(stored) = history.find(1).await else {
                let revisions = history.all_revisions(1).await;
                let Some(newest) = revisions.first() else { return 0 };
                let restored = history.undelete_to(&last, &last, newest.version, Quota::UNLIMITED).await;
                return usize::from(matches!(restored, Replacement::Replaced(_)));
            };
            let deleted = history.delete(id(1), stored.version, &stamp_at(i64::from(task))).await;
            usize::from(deleted.expect("delete failed"))
        }
    })
    .await;
    let revisions = history.all_revisions(1).await;
    assert_eq!(
        revisions.len(),
        1 + counts.iter().sum::<usize>(),
        "each acknowledged delete and undelete must be in the history once"
    );
    let is_deleted = revisions.first().is_some_and(|newest| newest.operation == Operation::Delete);
    assert_eq!(history.find(1).await.is_none(), is_deleted);
    let listed = if is_deleted { vec![id(1)] } else { Vec::new() };
    let ada = Caller::user(user("user_ada")).access_scope();
    assert_eq!(history.deleted_ids(&ada).await, listed);
    assert_eq!(history.list_json("user_ada").await == "[]", is_deleted);
}
