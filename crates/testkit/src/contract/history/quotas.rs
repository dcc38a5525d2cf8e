//! Histories within the quotas of creators.

use icp_domain::IcpDocument;
use icp_ports::{Creation, Quota, Replacement, Stamp};

use super::support::{TestHistory, assert_replaced, at, second};
use crate::contract::repository::support::{change, retry_overloaded};
use crate::fixtures::{creator, icp, stamp};

fn bytes(document: &IcpDocument) -> u64 {
    document.json().len() as u64
}

/// Documents of the same length.
fn state(number: u128, state: u32) -> IcpDocument {
    icp(number).with("leadsPerList", 100 + state).document()
}

async fn insert(history: &TestHistory, document: &IcpDocument, quota: Quota) -> Creation {
    let ada = creator("user_ada", quota);
    retry_overloaded(|| history.insert(document, &ada, None)).await.expect("insert failed")
}

async fn edit(history: &TestHistory, number: u128, to: u32, quota: Quota, stamp: &Stamp) -> Replacement {
    let stored = history.found(number).await;
    let change = change(&crate::fixtures::document(&stored.json), &state(number, to));
    retry_overloaded(|| history.replace(&change, stored.version, quota, stamp)).await.expect("replace failed")
}

pub(super) async fn history_counts_for_creator(history: TestHistory) {
    // Each ICP may have as many bytes as one state before it is counted.
    let quota = Quota { icps: 6, bytes: 6 * bytes(&state(1, 0)) };
    assert!(matches!(insert(&history, &state(1, 0), quota).await, Creation::Created(_)));
    for to in 1..=5 {
        assert_replaced(edit(&history, 1, to, quota, &stamp("user_bob", second(1))).await);
    }
    assert_eq!(edit(&history, 1, 6, quota, &at(1)).await, Replacement::QuotaReached);
    assert_eq!(insert(&history, &state(2, 0), quota).await, Creation::QuotaReached, "history counts");
    assert_eq!(history.history(1).await.len(), 6);
    let stamp_without_history = Stamp { keeps_replaced: false, ..at(1) };
    assert_replaced(edit(&history, 1, 7, quota, &stamp_without_history).await);
    let bob = creator("user_bob", quota);
    let created = history.insert(&state(3, 0), &bob, None).await.expect("insert failed");
    assert!(matches!(created, Creation::Created(_)), "changes count for the creator only");
}

pub(super) async fn deleted_icps_count_for_creator(history: TestHistory) {
    let by_bytes = Quota { icps: 100, bytes: 2 * bytes(&state(1, 0)) };
    for number in 1..=2 {
        assert!(matches!(insert(&history, &state(number, 0), by_bytes).await, Creation::Created(_)));
        let version = history.found(number).await.version;
        history.erase(number, version, &at(1)).await;
    }
    assert_eq!(insert(&history, &state(3, 0), by_bytes).await, Creation::QuotaReached);
    let by_number = Quota { icps: 2, bytes: u64::MAX };
    assert_eq!(insert(&history, &state(3, 0), by_number).await, Creation::QuotaReached);
    let more = Quota { icps: 3, bytes: 3 * bytes(&state(1, 0)) };
    assert!(matches!(insert(&history, &state(3, 0), more).await, Creation::Created(_)));
}

pub(super) async fn removal_frees_quota(history: TestHistory) {
    let quota = Quota { icps: 3, bytes: 3 * bytes(&state(1, 0)) };
    assert!(matches!(insert(&history, &state(1, 0), quota).await, Creation::Created(_)));
    for to in 1..=2 {
        assert_replaced(edit(&history, 1, to, quota, &at(1)).await);
    }
    assert_eq!(edit(&history, 1, 3, quota, &at(1)).await, Replacement::QuotaReached);
    assert_eq!(history.clean(second(2)).await, 2);
    for to in 3..=4 {
        assert_replaced(edit(&history, 1, to, quota, &at(3)).await);
    }
    assert_eq!(edit(&history, 1, 5, quota, &at(3)).await, Replacement::QuotaReached);
    let version = history.found(1).await.version;
    history.erase(1, version, &at(3)).await;
    assert_eq!(insert(&history, &state(2, 0), quota).await, Creation::QuotaReached);
    assert_eq!(history.clean(second(4)).await, 4);
    assert!(matches!(insert(&history, &state(2, 0), quota).await, Creation::Created(_)));
}

pub(super) async fn undelete_stays_within_quota(history: TestHistory) {
    let document = state(1, 0);
    let roomy = Quota { icps: 2, bytes: 3 * bytes(&document) };
    assert!(matches!(insert(&history, &document, roomy).await, Creation::Created(_)));
    let version = history.found(1).await.version;
    let deleted = history.erase(1, version, &at(1)).await;
    let short = Quota { icps: 2, bytes: 2 * bytes(&document) - 1 };
    assert_eq!(history.bring_back(&document, &document, deleted, short).await, Replacement::QuotaReached);
    assert!(matches!(insert(&history, &state(2, 0), roomy).await, Creation::Created(_)));
    let few = Quota { icps: 1, bytes: u64::MAX };
    assert_eq!(history.bring_back(&document, &document, deleted, few).await, Replacement::QuotaReached);
    assert_eq!(history.find(1).await, None);
    assert_replaced(history.bring_back(&document, &document, deleted, roomy).await);
    // The restored ICP counts for its creator again.
    let three = Quota { icps: 2, bytes: u64::MAX };
    assert_eq!(insert(&history, &state(3, 0), three).await, Creation::QuotaReached);
    assert_eq!(insert(&history, &state(3, 0), roomy).await, Creation::QuotaReached);
}

pub(super) async fn icp_without_creator_counts_alone(history: TestHistory) {
    history.import([state(1, 0), state(2, 0)], true).await;
    let quota = Quota { icps: 3, bytes: 3 * bytes(&state(1, 0)) };
    for number in [1, 2] {
        for to in 1..=2 {
            assert_replaced(edit(&history, number, to, quota, &at(1)).await);
        }
        assert_eq!(edit(&history, number, 3, quota, &at(1)).await, Replacement::QuotaReached);
    }
    let version = history.found(1).await.version;
    let deleted = history.erase(1, version, &at(2)).await;
    let full = Quota { bytes: 3 * bytes(&state(1, 0)), ..quota };
    assert_eq!(
        history.bring_back(&state(1, 2), &state(1, 0), deleted, full).await,
        Replacement::QuotaReached
    );
    let roomy = Quota { icps: 0, bytes: 4 * bytes(&state(1, 0)) };
    assert_replaced(history.bring_back(&state(1, 2), &state(1, 0), deleted, roomy).await);
}

/// The removal of old revisions also frees the quota of a deleted ICP, and of the ICP that a restore brings back.
pub(super) async fn removal_frees_quota_of_deleted_icp(history: TestHistory) {
    history.import([state(1, 0)], true).await;
    let unlimited = Quota::UNLIMITED;
    for to in 1..=4 {
        assert_replaced(edit(&history, 1, to, unlimited, &at(1)).await);
    }
    let version = history.found(1).await.version;
    let deleted = history.erase(1, version, &at(5)).await;
    let few = Quota { icps: 0, bytes: 3 * bytes(&state(1, 0)) };
    let bring_back = async || history.bring_back(&state(1, 4), &state(1, 0), deleted, few).await;
    assert_eq!(bring_back().await, Replacement::QuotaReached);
    history.clean(second(3)).await;
    assert_replaced(bring_back().await);
    assert_replaced(edit(&history, 1, 5, few, &at(6)).await);
}
