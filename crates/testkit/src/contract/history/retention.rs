//! The removal of old revisions.

use icp_domain::IcpDocument;
use icp_ports::{HistoryQuery, Lookup, Quota, Replacement, Version};

use super::support::{TestHistory, all, at, query, second, undeleting};
use crate::contract::repository::support::{admin, change, concurrently, scope};
use crate::fixtures::{icp, id};

/// Changes ICP 1 at the seconds 1 to 9. Returns its versions.
async fn changed(history: &TestHistory) -> Vec<Version> {
    let states: Vec<_> = (0..10).map(|state| icp(1).with("leadsPerList", state).document()).collect();
    let mut versions = vec![history.insert_one(&states[0]).await];
    for (number, pair) in (1..).zip(states.windows(2)) {
        versions.push(history.edit(&pair[0], &pair[1], versions[versions.len() - 1], &at(number)).await);
    }
    versions
}

async fn versions(history: &TestHistory, query: &HistoryQuery) -> Vec<Version> {
    match history.page(1, &admin(), query).await {
        Lookup::Found(page) => page.revisions.iter().rev().map(|revision| revision.version).collect(),
        other => panic!("{other:?}"),
    }
}

pub(super) async fn old_revisions_are_removed(history: TestHistory) {
    let all_versions = changed(&history).await;
    assert_eq!(history.clean(second(1)).await, 0, "none was replaced before that");
    // The age of a state is that of the change that replaced it.
    assert_eq!(history.clean(second(4)).await, 3);
    assert_eq!(versions(&history, &all()).await, all_versions[3..]);
    assert_eq!(history.text(1, all_versions[2]).await, None);
    assert!(history.text(1, all_versions[3]).await.is_some());
    assert_eq!(history.clean(second(4)).await, 0);
}

pub(super) async fn delete_is_removed_with_its_state(history: TestHistory) {
    for (number, time) in [(1, 1), (2, 5)] {
        let version = history.insert_one(&icp(number).document()).await;
        history.erase(number, version, &at(time)).await;
    }
    assert_eq!(history.clean(second(5)).await, 2, "the delete and the state");
    assert_eq!(history.page(1, &admin(), &all()).await, Lookup::Absent);
    for reader in [scope("user_ada"), admin()] {
        assert_eq!(history.deleted_ids(&reader).await, [id(2)]);
    }
    let document = icp(1).document();
    history.insert_one(&document).await;
    assert_eq!(history.history(1).await.len(), 1, "nothing is left of the first one");
}

pub(super) async fn old_revisions_are_hidden_before_removal(history: TestHistory) {
    let all_versions = changed(&history).await;
    let since = |number| HistoryQuery { since: second(number), ..query(100) };
    assert_eq!(versions(&history, &since(7)).await, all_versions[6..]);
    let old = history.look_at(1, all_versions[5], &admin(), second(7)).await;
    assert_eq!(old, Lookup::Found(None));
    assert_eq!(versions(&history, &since(100)).await, all_versions[9..], "the current state is not old");
    history.erase(1, all_versions[9], &at(10)).await;
    assert_eq!(history.page(1, &admin(), &since(11)).await, Lookup::Absent);
    let deleted = history.look_at(1, all_versions[9], &scope("user_ada"), second(11)).await;
    assert_eq!(deleted, Lookup::Absent);
    for reader in [scope("user_ada"), admin()] {
        assert!(history.deletes(&reader, &since(11)).await.revisions.is_empty());
        assert_eq!(history.deletes(&reader, &since(10)).await.revisions.len(), 1);
    }
}

pub(super) async fn current_state_is_never_removed(history: TestHistory) {
    let all_versions = changed(&history).await;
    let before = history.found(1).await;
    assert_eq!(history.clean(icp_domain::Timestamp::MAX).await, 9);
    assert_eq!(history.found(1).await, before);
    assert_eq!(versions(&history, &all()).await, all_versions[9..]);
    let deleted = history.erase(1, before.version, &at(20)).await;
    let last = crate::fixtures::document(&before.json);
    let restored = history.bring_back(&last, &last, deleted, Quota::UNLIMITED).await;
    assert!(matches!(restored, Replacement::Replaced(_)), "{restored:?}");
    assert_eq!(history.clean(icp_domain::Timestamp::MAX).await, 2);
    assert_eq!(history.found(1).await.json, undeleting(&last, &last).document().json());
    assert_eq!(history.history(1).await.len(), 1);
}

pub(super) async fn removal_during_changes_removes_nothing_new(history: TestHistory) {
    let state = |number: u32| icp(1).with("leadsPerList", number).document();
    let mut version = history.insert_one(&state(0)).await;
    for number in 1..=30 {
        version = history.edit(&state(number - 1), &state(number), version, &at(0)).await;
    }
    concurrently(32, |task| {
        let history = history.clone();
        async move {
            if task % 4 == 0 {
                history.clean(second(1)).await;
                return;
            }
            // Changes are new, at second 2.
            loop {
                let stored = history.found(1).await;
                let before = crate::fixtures::document(&stored.json);
                let mut after = before.to_icp().expect("an ICP");
                after.leads_per_list += 1;
                let change = change(&before, &IcpDocument::from(after));
                if let Replacement::Replaced(_) = history.try_edit(&change, stored.version, &at(2)).await {
                    return;
                }
            }
        }
    })
    .await;
    history.clean(second(1)).await;
    assert_eq!(history.history(1).await.len(), 25, "24 changes");
}
