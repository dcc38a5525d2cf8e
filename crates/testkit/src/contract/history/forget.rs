//! Removal of a user from histories.

use icp_domain::Caller;
use icp_ports::{Creation, Creator, IdempotencyKey, Lookup, Quota, Stamp};

use super::support::{TestHistory, all_revisions_query, stamp_at};
use crate::contract::repository::support::{admin_scope, user_scope};
use crate::fixtures::{self, icp, user};

/// Inserts and changes an ICP so that `user_eve` is its creator, an author, an actor and a former user.
async fn insert_with_traces(history: &TestHistory, number: u128) {
    let first = icp(number).users(["user_eve", "user_ada"]).with("colour", "user_eve").document();
    let second = icp(number).users(["user_ada"]).with("name", "user_eve").document();
    let third = icp(number).users(["user_ada", "user_eves"]).document();
    let eve = Creator { actor: Some(user("user_eve")), ..fixtures::creator("user_eve", Quota::UNLIMITED) };
    let version = match history.insert(&first, &eve, None).await.expect("insert failed") {
        Creation::Created(version) => version,
        other => panic!("{other:?}"),
    };
    let by_eve = Stamp { author: Caller::user(user("user_eve")).author(), ..stamp_at(1) };
    let version = history.edit(&first, &second, version, &by_eve).await;
    let acting = Caller::impersonated(user("user_ada"), user("user_eve")).author();
    history.edit(&second, &third, version, &Stamp { author: acting, ..stamp_at(2) }).await;
}

pub(super) async fn forgotten_user_is_in_no_history(history: TestHistory) {
    insert_with_traces(&history, 1).await;
    let deleted = icp(2).users(["user_eve", "user_ada"]).document();
    let version = history.insert_one(&deleted).await;
    history
        .erase(2, version, &Stamp { author: Caller::user(user("user_eve")).author(), ..stamp_at(3) })
        .await;
    let key = IdempotencyKey { user_id: user("user_eve"), key: "k".to_owned(), fingerprint: [1; 32] };
    history.insert_once(&icp(3).document(), &key).await;
    history.forget_in_all_parts("user_eve").await;
    for number in [1, 2] {
        for revision in history.all_revisions(number).await {
            let author = &revision.author;
            assert!(![&author.by, &author.actor].contains(&&Some(user("user_eve"))), "{revision:?}");
            let text = history
                .revision_text(number, revision.version)
                .await
                .expect("the revision must have a document");
            let document = fixtures::document(&text);
            assert!(!document.user_ids().contains(&user("user_eve")), "{text}");
        }
    }
    assert_eq!(
        history.read_page(2, &user_scope("user_eve"), &all_revisions_query()).await,
        Lookup::Forbidden
    );
    assert!(history.deleted_ids(&user_scope("user_eve")).await.is_empty());
    assert_eq!(history.deleted_ids(&user_scope("user_ada")).await.len(), 1);
    let creator = fixtures::creator("user_eve", Quota { icps: 1, bytes: u64::MAX });
    let created = history.insert(&icp(5).document(), &creator, None).await.expect("insert failed");
    assert!(
        matches!(created, Creation::Created(_)),
        "no data must count for the quota of the removed user: {created:?}"
    );
    let created = history.insert_once(&icp(4).document(), &key).await;
    assert!(matches!(created, Creation::Created(_)), "the key must be removed: {created:?}");
}

pub(super) async fn forget_changes_no_other_data(history: TestHistory) {
    insert_with_traces(&history, 1).await;
    let before = history.all_revisions(1).await;
    let current = history.must_find(1).await;
    history.forget_in_all_parts("user_ev").await;
    assert_eq!(history.all_revisions(1).await, before, "another user must not be affected");
    history.forget_in_all_parts("user_eve").await;
    history.forget_in_all_parts("user_eve").await;
    assert_eq!(history.must_find(1).await, current);
    let after = history.all_revisions(1).await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.version, before.at, &before.changed), (after.version, after.at, &after.changed));
    }
    let first = history.revision_text(1, after[2].version).await.expect("the revision must have a document");
    let expected = icp(1).users(["user_ada"]).with("colour", "user_eve").document();
    assert_eq!(first, expected.json(), "texts that contain the user ID must not be changed");
    assert_eq!(
        history.read_page(1, &admin_scope(), &all_revisions_query()).await.map(|page| page.revisions.len()),
        Lookup::Found(3)
    );
}

pub(super) async fn forget_processes_every_part(history: TestHistory) {
    history.insert_all((1_000..1_700).map(|number| icp(number).document())).await;
    for number in [1, 5_000] {
        insert_with_traces(&history, number).await;
    }
    // The count may be an estimate, so this test only checks that the call succeeds.
    let _ = history.count_rows().await;
    history.forget_in_all_parts("user_eve").await;
    for number in [1, 5_000] {
        for revision in history.all_revisions(number).await {
            assert!(revision.author.by != Some(user("user_eve")), "{revision:?}");
        }
    }
}
