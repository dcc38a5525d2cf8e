//! Removal of a user from histories.

use icp_domain::{Author, Caller, IcpDocument, UserId};
use icp_ports::{Creation, Creator, ForgetPart, IdempotencyKey, Lookup, Quota, Revision, Stamp, Version};

use super::support::{TestHistory, all_revisions_query, stamp_at, time_at};
use crate::contract::repository::support::user_scope;
use crate::fixtures::{self, icp, user};

/// Inserts and changes an ICP so that a user is its creator, an author, an actor and a former user.
async fn insert_with_traces(history: &TestHistory, number: u128, user_id: &str) {
    let first = icp(number).users([user_id, "user_ada"]).with("colour", user_id).document();
    let second = icp(number).users(["user_ada"]).with("name", user_id).document();
    let third = icp(number).users(["user_ada", "user_eves"]).document();
    let version = insert_by(history, &first, user_id).await;
    let by_user = Stamp { author: impersonated_author(user_id, "user_bob"), ..stamp_at(1) };
    let version = history.edit(&first, &second, version, &by_user).await;
    history
        .edit(
            &second,
            &third,
            version,
            &Stamp { author: impersonated_author("user_ada", user_id), ..stamp_at(2) },
        )
        .await;
}

/// Inserts an ICP whose creator impersonates themselves, so that the user is the author and the actor.
async fn insert_by(history: &TestHistory, document: &IcpDocument, user_id: &str) -> Version {
    let creator = Creator { actor: Some(user(user_id)), ..fixtures::creator(user_id, Quota::UNLIMITED) };
    match history.insert(document, &creator, None).await.expect("insert failed") {
        Creation::Created(version) => version,
        other => panic!("the ICP must be created: {other:?}"),
    }
}

/// Inserts an ICP of a user who may create one ICP. Returns [`Creation::QuotaReached`] if the user has created one.
async fn insert_within_quota_of_one(history: &TestHistory, number: u128, user_id: &str) -> Creation {
    let creator = fixtures::creator(user_id, Quota { icps: 1, bytes: u64::MAX });
    history.insert(&icp(number).document(), &creator, None).await.expect("insert failed")
}

fn impersonated_author(user_id: &str, actor: &str) -> Author {
    Caller::impersonated(user(user_id), user(actor)).author()
}

fn key() -> IdempotencyKey {
    IdempotencyKey { key: "k".to_owned(), fingerprint: [1; 32] }
}

pub(super) async fn forgotten_user_is_in_no_history(history: TestHistory) {
    check_forgotten_user(&history, "user_eve").await;
}

pub(super) async fn user_id_with_quotes_is_forgotten(history: TestHistory) {
    check_forgotten_user(&history, r#"user "eve" \"#).await;
}

async fn check_forgotten_user(history: &TestHistory, eve: &str) {
    insert_with_traces(history, 1, eve).await;
    let version = insert_by(history, &icp(2).users([eve, "user_ada"]).document(), eve).await;
    let stamp = Stamp { author: Caller::user(user(eve)).author(), ..stamp_at(3) };
    history.erase(2, version, &stamp).await;
    let creator = fixtures::creator(eve, Quota::UNLIMITED);
    history.insert_once_by(&creator, &icp(3).document(), &key()).await;
    history.forget_in_all_parts(eve).await;
    for (number, count) in [(1, 3), (2, 2), (3, 1)] {
        let revisions = history.all_revisions(number).await;
        assert_eq!(revisions.len(), count, "the revisions of ICP {number} must be kept");
        for revision in revisions {
            assert_ne!(revision.author.by, Some(user(eve)), "{revision:?}");
            assert_ne!(revision.author.actor, Some(user(eve)), "{revision:?}");
            let text = history.revision_text(number, revision.version).await;
            assert_no_user(&text.expect("the revision must have a document"), eve);
        }
    }
    assert_eq!(history.read_page(2, &user_scope(eve), &all_revisions_query()).await, Lookup::Forbidden);
    assert!(history.deleted_ids(&user_scope(eve)).await.is_empty());
    let deleted = history.read_deletes(&user_scope("user_ada"), &all_revisions_query()).await.revisions;
    assert_eq!(deleted.len(), 1);
    assert_no_user(deleted[0].json.as_deref().expect("the delete must have a document"), eve);
    let created = insert_within_quota_of_one(history, 5, eve).await;
    assert!(
        matches!(created, Creation::Created(_)),
        "data of the removed user must not count towards the quota: {created:?}"
    );
    let created = history.insert_once_by(&creator, &icp(4).document(), &key()).await;
    assert!(matches!(created, Creation::Created(_)), "the key must be removed: {created:?}");
}

#[track_caller]
fn assert_no_user(text: &str, user_id: &str) {
    assert!(!fixtures::document(text).user_ids().contains(&user(user_id)), "{text}");
}

pub(super) async fn forget_changes_no_other_data(history: TestHistory) {
    insert_with_traces(&history, 1, "user_eve").await;
    let bob = fixtures::creator("user_bob", Quota::UNLIMITED);
    history.insert_once_by(&bob, &icp(2).document(), &key()).await;
    insert_within_quota_of_one(&history, 4, "user_cleo").await;
    let before = history.all_revisions(1).await;
    let current = history.must_find(1).await;
    // `user_ev` is the beginning of `user_eve`.
    history.forget_in_all_parts("user_ev").await;
    assert_eq!(history.all_revisions(1).await, before, "another user must not be affected");
    // A second run must have no further effect.
    history.forget_in_all_parts("user_eve").await;
    history.forget_in_all_parts("user_eve").await;
    assert_eq!(history.must_find(1).await, current);
    let after = history.all_revisions(1).await;
    let remove = |user_id: &Option<UserId>| user_id.clone().filter(|user_id| *user_id != user("user_eve"));
    let expected: Vec<_> = before
        .into_iter()
        .map(|revision| {
            let Author { by, actor, source } = &revision.author;
            Revision { author: Author { by: remove(by), actor: remove(actor), source: *source }, ..revision }
        })
        .collect();
    assert_eq!(after, expected, "only the forgotten user must be removed from the authors");
    let first = history.revision_text(1, after[2].version).await.expect("the revision must have a document");
    let expected = icp(1).users(["user_ada"]).with("colour", "user_eve").document();
    assert_eq!(first, expected.json(), "texts that contain the user ID must not be changed");
    let repeated = history.insert_once_by(&bob, &icp(3).document(), &key()).await;
    assert!(matches!(repeated, Creation::Repeated(_)), "the key of another user must be kept: {repeated:?}");
    let refused = insert_within_quota_of_one(&history, 5, "user_cleo").await;
    assert_eq!(refused, Creation::QuotaReached, "the creator of another ICP must be kept");
    assert_eq!(
        history.remove_revisions_before(time_at(2)).await,
        1,
        "revisions must keep the times at which they were replaced"
    );
}

pub(super) async fn forget_processes_every_part(history: TestHistory) {
    // More than two parts of ICPs, and more than two parts of revisions.
    const COUNT: u32 = 2 * ForgetPart::MAX_ROWS + 10;
    for number in 1..=COUNT {
        insert_by(&history, &icp(number.into()).document(), "user_eve").await;
    }
    let state = |number: u32| icp(COUNT.into()).with("leadsPerList", number).document();
    let mut version = history.must_find(COUNT.into()).await.version;
    let stamp = Stamp { author: impersonated_author("user_eve", "user_eve"), ..stamp_at(1) };
    let mut before = icp(COUNT.into()).document();
    for after in (1..=COUNT).map(|number| state(100 + number)) {
        version = history.edit(&before, &after, version, &stamp).await;
        before = after;
    }
    // The count may be an estimate, so this test only checks that the call succeeds.
    let _ = history.count_rows().await;
    history.forget_in_all_parts("user_eve").await;
    let mut revision_count = 0;
    for number in 1..=COUNT {
        for revision in history.all_revisions(number.into()).await {
            assert_eq!((&revision.author.by, &revision.author.actor), (&None, &None), "{revision:?}");
            revision_count += 1;
        }
    }
    assert_eq!(revision_count, 2 * COUNT, "all revisions must be kept");
    let created = insert_within_quota_of_one(&history, 1_000, "user_eve").await;
    assert!(
        matches!(created, Creation::Created(_)),
        "the user must no longer be the creator of any ICP: {created:?}"
    );
}
