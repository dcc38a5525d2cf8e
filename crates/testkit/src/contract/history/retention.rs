//! The removal of old revisions.

use icp_domain::IcpDocument;
use icp_ports::{Creation, HistoryQuery, Lookup, Quota, Replacement, Version};

use super::support::{
    TestHistory, all_revisions_query, query_with_limit, stamp_at, time_at, undelete_change,
};
use crate::contract::repository::support::{admin_scope, change, concurrently, user_scope};
use crate::fixtures::{self, icp, id};

/// Inserts ICP 1, and changes it at the seconds 1 to 9. Returns all versions, the oldest first.
async fn insert_and_change(history: &TestHistory) -> Vec<Version> {
    let states: Vec<_> = (0..10).map(|state| icp(1).with("leadsPerList", state).document()).collect();
    let mut versions = vec![history.insert_one(&states[0]).await];
    for (number, pair) in (1..).zip(states.windows(2)) {
        versions
            .push(history.edit(&pair[0], &pair[1], versions[versions.len() - 1], &stamp_at(number)).await);
    }
    versions
}

async fn read_versions(history: &TestHistory, query: &HistoryQuery) -> Vec<Version> {
    match history.read_page(1, &admin_scope(), query).await {
        Lookup::Found(page) => page.revisions.iter().rev().map(|revision| revision.version).collect(),
        other => panic!("{other:?}"),
    }
}

pub(super) async fn old_revisions_are_removed(history: TestHistory) {
    let all_versions = insert_and_change(&history).await;
    assert_eq!(
        history.remove_revisions_before(time_at(1)).await,
        0,
        "no revision was replaced before second 1"
    );
    // The age of a state starts with the change that replaced it.
    assert_eq!(history.remove_revisions_before(time_at(4)).await, 3);
    assert_eq!(read_versions(&history, &all_revisions_query()).await, all_versions[3..]);
    assert_eq!(history.revision_text(1, all_versions[2]).await, None);
    assert!(history.revision_text(1, all_versions[3]).await.is_some());
    assert_eq!(history.remove_revisions_before(time_at(4)).await, 0);
}

pub(super) async fn delete_is_removed_with_deleted_state(history: TestHistory) {
    let mut deletes = Vec::new();
    for (number, time) in [(1, 1), (2, 5)] {
        let version = history.insert_one(&icp(number).document()).await;
        deletes.push(history.erase(number, version, &stamp_at(time)).await);
    }
    assert_eq!(
        history.remove_revisions_before(time_at(5)).await,
        2,
        "the delete and the deleted state must be removed"
    );
    assert_eq!(history.read_page(1, &admin_scope(), &all_revisions_query()).await, Lookup::Absent);
    for scope in [user_scope("user_ada"), admin_scope()] {
        assert_eq!(history.deleted_ids(&scope).await, [id(2)]);
    }
    let document = icp(1).document();
    let undone = history.undelete_to(&document, &document, deletes[0], Quota::UNLIMITED).await;
    assert_eq!(undone, Replacement::OtherVersion, "a removed delete must not be undone");
    // The deleted ICP 2 still counts towards the quota.
    let ada = fixtures::creator("user_ada", Quota { icps: 2, bytes: u64::MAX });
    let created = history.insert(&document, &ada, None).await.expect("insert failed");
    assert!(matches!(created, Creation::Created(_)), "a removed delete must not count: {created:?}");
    assert_eq!(history.all_revisions(1).await.len(), 1, "the history of the deleted ICP must be removed");
}

pub(super) async fn old_revisions_are_hidden_before_removal(history: TestHistory) {
    let all_versions = insert_and_change(&history).await;
    let since = |number| HistoryQuery { since: time_at(number), ..query_with_limit(100) };
    assert_eq!(read_versions(&history, &since(7)).await, all_versions[6..]);
    let old = history.read_revision(1, all_versions[5], &admin_scope(), time_at(7)).await;
    assert_eq!(old, Lookup::Found(None));
    assert_eq!(
        read_versions(&history, &since(100)).await,
        all_versions[9..],
        "the current state must never be hidden"
    );
    history.erase(1, all_versions[9], &stamp_at(10)).await;
    assert_eq!(history.read_page(1, &admin_scope(), &since(11)).await, Lookup::Absent);
    let deleted = history.read_revision(1, all_versions[9], &user_scope("user_ada"), time_at(11)).await;
    assert_eq!(deleted, Lookup::Absent);
    for scope in [user_scope("user_ada"), admin_scope()] {
        assert!(history.read_deletes(&scope, &since(11)).await.revisions.is_empty());
        assert_eq!(history.read_deletes(&scope, &since(10)).await.revisions.len(), 1);
    }
}

pub(super) async fn current_state_is_never_removed(history: TestHistory) {
    let all_versions = insert_and_change(&history).await;
    let before = history.must_find(1).await;
    assert_eq!(history.remove_revisions_before(icp_domain::Timestamp::MAX).await, 9);
    assert_eq!(history.must_find(1).await, before);
    assert_eq!(read_versions(&history, &all_revisions_query()).await, all_versions[9..]);
    let deleted = history.erase(1, before.version, &stamp_at(20)).await;
    let last = crate::fixtures::document(&before.json);
    let restored = history.undelete_to(&last, &last, deleted, Quota::UNLIMITED).await;
    assert!(matches!(restored, Replacement::Replaced(_)), "{restored:?}");
    assert_eq!(history.remove_revisions_before(icp_domain::Timestamp::MAX).await, 2);
    assert_eq!(history.must_find(1).await.json, undelete_change(&last, &last).document().json());
    assert_eq!(history.all_revisions(1).await.len(), 1);
}

pub(super) async fn removal_during_changes_keeps_new_revisions(history: TestHistory) {
    let state = |number: u32| icp(1).with("leadsPerList", number).document();
    let mut version = history.insert_one(&state(0)).await;
    for number in 1..=30 {
        version = history.edit(&state(number - 1), &state(number), version, &stamp_at(0)).await;
    }
    concurrently(32, |task| {
        let history = history.clone();
        async move {
            if task % 4 == 0 {
                history.remove_revisions_before(time_at(1)).await;
                return;
            }
            // The changes are made at second 2, so their revisions are not old.
            loop {
                let stored = history.must_find(1).await;
                let before = crate::fixtures::document(&stored.json);
                let mut after = before.to_icp().expect("the document must be an ICP");
                after.leads_per_list += 1;
                let change = change(&before, &IcpDocument::from(after));
                if let Replacement::Replaced(_) =
                    history.try_edit(&change, stored.version, &stamp_at(2)).await
                {
                    return;
                }
            }
        }
    })
    .await;
    history.remove_revisions_before(time_at(1)).await;
    assert_eq!(
        history.all_revisions(1).await.len(),
        25,
        "the 24 new changes and the current state must be kept"
    );
}
