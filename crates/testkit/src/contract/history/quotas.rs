//! The quotas of creators limit the bytes of histories.

use icp_domain::IcpDocument;
use icp_ports::{Creation, Quota, Replacement, Stamp};

use super::support::{TestHistory, assert_replaced, stamp_at, time_at};
use crate::contract::repository::support::{change, retry_overloaded};
use crate::fixtures::{creator, icp, stamp};

fn document_bytes(document: &IcpDocument) -> u64 {
    document.json().len() as u64
}

/// Returns a state of an ICP. The documents of all states have the same length.
fn state(number: u128, state: u32) -> IcpDocument {
    icp(number).with("leadsPerList", 100 + state).document()
}

async fn insert(history: &TestHistory, document: &IcpDocument, quota: Quota) -> Creation {
    let ada = creator("user_ada", quota);
    retry_overloaded(|| history.insert(document, &ada, None)).await.expect("insert failed")
}

async fn edit(history: &TestHistory, number: u128, to: u32, quota: Quota, stamp: &Stamp) -> Replacement {
    let stored = history.must_find(number).await;
    let change = change(&crate::fixtures::document(&stored.json), &state(number, to));
    retry_overloaded(|| history.replace(&change, stored.version, quota, stamp)).await.expect("replace failed")
}

pub(super) async fn history_counts_for_creator(history: TestHistory) {
    // The bytes of the quota are enough for six states.
    let quota = Quota { icps: 6, bytes: 6 * document_bytes(&state(1, 0)) };
    assert!(matches!(insert(&history, &state(1, 0), quota).await, Creation::Created(_)));
    for to in 1..=5 {
        assert_replaced(edit(&history, 1, to, quota, &stamp("user_bob", time_at(1))).await);
    }
    let refused = edit(&history, 1, 6, quota, &stamp_at(1)).await;
    assert_eq!(refused, Replacement::QuotaReached, "the history must leave no bytes for a seventh state");
    assert_eq!(
        insert(&history, &state(2, 0), quota).await,
        Creation::QuotaReached,
        "the history must count for the quota"
    );
    assert_eq!(history.all_revisions(1).await.len(), 6);
    let stamp_without_history = Stamp { keeps_replaced: false, ..stamp_at(1) };
    assert_replaced(edit(&history, 1, 7, quota, &stamp_without_history).await);
    let bob = creator("user_bob", quota);
    let created = history.insert(&state(3, 0), &bob, None).await.expect("insert failed");
    assert!(matches!(created, Creation::Created(_)), "changes must count only for the creator");
}

pub(super) async fn deleted_icps_count_for_creator(history: TestHistory) {
    let by_bytes = Quota { icps: 100, bytes: 2 * document_bytes(&state(1, 0)) };
    for number in 1..=2 {
        assert!(matches!(insert(&history, &state(number, 0), by_bytes).await, Creation::Created(_)));
        let version = history.must_find(number).await.version;
        history.erase(number, version, &stamp_at(1)).await;
    }
    let refused = insert(&history, &state(3, 0), by_bytes).await;
    assert_eq!(refused, Creation::QuotaReached, "the bytes of deleted ICPs must count");
    let by_number = Quota { icps: 2, bytes: u64::MAX };
    let refused = insert(&history, &state(3, 0), by_number).await;
    assert_eq!(refused, Creation::QuotaReached, "the deleted ICPs must have reached the maximum number");
    let larger = Quota { icps: 3, bytes: 3 * document_bytes(&state(1, 0)) };
    assert!(matches!(insert(&history, &state(3, 0), larger).await, Creation::Created(_)));
}

pub(super) async fn removal_frees_quota(history: TestHistory) {
    let quota = Quota { icps: 3, bytes: 3 * document_bytes(&state(1, 0)) };
    assert!(matches!(insert(&history, &state(1, 0), quota).await, Creation::Created(_)));
    for to in 1..=2 {
        assert_replaced(edit(&history, 1, to, quota, &stamp_at(1)).await);
    }
    assert_eq!(edit(&history, 1, 3, quota, &stamp_at(1)).await, Replacement::QuotaReached);
    assert_eq!(history.remove_revisions_before(time_at(2)).await, 2);
    for to in 3..=4 {
        assert_replaced(edit(&history, 1, to, quota, &stamp_at(3)).await);
    }
    assert_eq!(edit(&history, 1, 5, quota, &stamp_at(3)).await, Replacement::QuotaReached);
    let version = history.must_find(1).await.version;
    history.erase(1, version, &stamp_at(3)).await;
    assert_eq!(insert(&history, &state(2, 0), quota).await, Creation::QuotaReached);
    assert_eq!(history.remove_revisions_before(time_at(4)).await, 4);
    assert!(matches!(insert(&history, &state(2, 0), quota).await, Creation::Created(_)));
}

pub(super) async fn undelete_stays_within_quota(history: TestHistory) {
    let document = state(1, 0);
    let sufficient = Quota { icps: 2, bytes: 3 * document_bytes(&document) };
    assert!(matches!(insert(&history, &document, sufficient).await, Creation::Created(_)));
    let version = history.must_find(1).await.version;
    let deleted = history.erase(1, version, &stamp_at(1)).await;
    let too_few_bytes = Quota { icps: 2, bytes: 2 * document_bytes(&document) - 1 };
    assert_eq!(
        history.undelete_to(&document, &document, deleted, too_few_bytes).await,
        Replacement::QuotaReached
    );
    assert!(matches!(insert(&history, &state(2, 0), sufficient).await, Creation::Created(_)));
    let too_few_icps = Quota { icps: 1, bytes: u64::MAX };
    assert_eq!(
        history.undelete_to(&document, &document, deleted, too_few_icps).await,
        Replacement::QuotaReached
    );
    assert_eq!(history.find(1).await, None);
    assert_replaced(history.undelete_to(&document, &document, deleted, sufficient).await);
    // The restored ICP counts towards the quota of its creator.
    let two_icps = Quota { icps: 2, bytes: u64::MAX };
    assert_eq!(insert(&history, &state(3, 0), two_icps).await, Creation::QuotaReached);
    assert_eq!(insert(&history, &state(3, 0), sufficient).await, Creation::QuotaReached);
}

pub(super) async fn icp_without_creator_has_its_own_quota(history: TestHistory) {
    history.import([state(1, 0), state(2, 0)], true).await;
    let quota = Quota { icps: 3, bytes: 3 * document_bytes(&state(1, 0)) };
    for number in [1, 2] {
        for to in 1..=2 {
            assert_replaced(edit(&history, number, to, quota, &stamp_at(1)).await);
        }
        assert_eq!(edit(&history, number, 3, quota, &stamp_at(1)).await, Replacement::QuotaReached);
    }
    let version = history.must_find(1).await.version;
    let deleted = history.erase(1, version, &stamp_at(2)).await;
    let too_few_bytes = Quota { bytes: 3 * document_bytes(&state(1, 0)), ..quota };
    assert_eq!(
        history.undelete_to(&state(1, 2), &state(1, 0), deleted, too_few_bytes).await,
        Replacement::QuotaReached
    );
    let sufficient = Quota { icps: 0, bytes: 4 * document_bytes(&state(1, 0)) };
    assert_replaced(history.undelete_to(&state(1, 2), &state(1, 0), deleted, sufficient).await);
}

/// The removal of old revisions of a deleted ICP reduces the bytes that count towards the quota of its creator.
pub(super) async fn removal_frees_quota_of_deleted_icps_creator(history: TestHistory) {
    assert!(matches!(insert(&history, &state(1, 0), Quota::UNLIMITED).await, Creation::Created(_)));
    for to in 1..=4 {
        assert_replaced(edit(&history, 1, to, Quota::UNLIMITED, &stamp_at(1)).await);
    }
    let version = history.must_find(1).await.version;
    history.erase(1, version, &stamp_at(5)).await;
    let quota = Quota { icps: 3, bytes: 3 * document_bytes(&state(1, 0)) };
    assert_eq!(insert(&history, &state(2, 0), quota).await, Creation::QuotaReached);
    history.remove_revisions_before(time_at(3)).await;
    assert!(matches!(insert(&history, &state(2, 0), quota).await, Creation::Created(_)));
}

/// The removal of old revisions of a deleted ICP without a creator reduces the bytes that are compared with the quota
/// when the ICP is restored, and when it is changed later.
pub(super) async fn removal_frees_quota_of_deleted_icp(history: TestHistory) {
    history.import([state(1, 0)], true).await;
    let unlimited = Quota::UNLIMITED;
    for to in 1..=4 {
        assert_replaced(edit(&history, 1, to, unlimited, &stamp_at(1)).await);
    }
    let version = history.must_find(1).await.version;
    let deleted = history.erase(1, version, &stamp_at(5)).await;
    let quota = Quota { icps: 0, bytes: 3 * document_bytes(&state(1, 0)) };
    let undelete = async || history.undelete_to(&state(1, 4), &state(1, 0), deleted, quota).await;
    assert_eq!(undelete().await, Replacement::QuotaReached);
    history.remove_revisions_before(time_at(3)).await;
    assert_replaced(undelete().await);
    assert_replaced(edit(&history, 1, 5, quota, &stamp_at(6)).await);
}
