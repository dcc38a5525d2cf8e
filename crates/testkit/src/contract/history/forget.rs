//! Removal of a user from histories.

use icp_domain::Caller;
use icp_ports::{Creation, Creator, IdempotencyKey, Lookup, Quota, Stamp};

use super::support::{TestHistory, all, at};
use crate::contract::repository::support::{admin, scope};
use crate::fixtures::{self, icp, user};

/// Stores `user_eve` in every role: as creator, author, actor and former user.
async fn traced(history: &TestHistory, number: u128) {
    let first = icp(number).users(["user_eve", "user_ada"]).with("colour", "user_eve").document();
    let second = icp(number).users(["user_ada"]).with("name", "user_eve").document();
    let third = icp(number).users(["user_ada", "user_eves"]).document();
    let eve = Creator { actor: Some(user("user_eve")), ..fixtures::creator("user_eve", Quota::UNLIMITED) };
    let version = match history.insert(&first, &eve, None).await.expect("insert failed") {
        Creation::Created(version) => version,
        other => panic!("{other:?}"),
    };
    let by_eve = Stamp { author: Caller::user(user("user_eve")).author(), ..at(1) };
    let version = history.edit(&first, &second, version, &by_eve).await;
    let acting = Caller::impersonated(user("user_ada"), user("user_eve")).author();
    history.edit(&second, &third, version, &Stamp { author: acting, ..at(2) }).await;
}

pub(super) async fn forgotten_user_is_in_no_history(history: TestHistory) {
    traced(&history, 1).await;
    let gone = icp(2).users(["user_eve", "user_ada"]).document();
    let version = history.insert_one(&gone).await;
    history.erase(2, version, &Stamp { author: Caller::user(user("user_eve")).author(), ..at(3) }).await;
    let key = IdempotencyKey { user_id: user("user_eve"), key: "k".to_owned(), fingerprint: [1; 32] };
    history.insert_once(&icp(3).document(), &key).await;
    history.forget_everywhere("user_eve").await;
    for number in [1, 2] {
        for revision in history.history(number).await {
            let author = &revision.author;
            assert!(![&author.by, &author.actor].contains(&&Some(user("user_eve"))), "{revision:?}");
            let text = history.text(number, revision.version).await.expect("must have a document");
            let users = fixtures::document(&text);
            assert!(!users.user_ids().contains(&user("user_eve")), "{text}");
        }
    }
    assert_eq!(history.page(2, &scope("user_eve"), &all()).await, Lookup::Forbidden);
    assert!(history.deleted_ids(&scope("user_eve")).await.is_empty());
    assert_eq!(history.deleted_ids(&scope("user_ada")).await.len(), 1);
    let none = fixtures::creator("user_eve", Quota { icps: 1, bytes: u64::MAX });
    let created = history.insert(&icp(5).document(), &none, None).await.expect("insert failed");
    assert!(matches!(created, Creation::Created(_)), "nothing counts for the removed user: {created:?}");
    let again = history.insert_once(&icp(4).document(), &key).await;
    assert!(matches!(again, Creation::Created(_)), "the key is free: {again:?}");
}

pub(super) async fn everything_else_stays(history: TestHistory) {
    traced(&history, 1).await;
    let before = history.history(1).await;
    let current = history.found(1).await;
    history.forget_everywhere("user_ev").await;
    assert_eq!(history.history(1).await, before, "another user");
    history.forget_everywhere("user_eve").await;
    history.forget_everywhere("user_eve").await;
    assert_eq!(history.found(1).await, current);
    let after = history.history(1).await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.version, before.at, &before.changed), (after.version, after.at, &after.changed));
    }
    let first = history.text(1, after[2].version).await.expect("must have a document");
    let expected = icp(1).users(["user_ada"]).with("colour", "user_eve").document();
    assert_eq!(first, expected.json(), "texts are not user IDs");
    assert_eq!(history.page(1, &admin(), &all()).await.map(|page| page.revisions.len()), Lookup::Found(3));
}

pub(super) async fn every_part_is_done(history: TestHistory) {
    history.insert_all((1_000..1_700).map(|number| icp(number).document())).await;
    for number in [1, 5_000] {
        traced(&history, number).await;
    }
    let _ = history.count_rows().await;
    history.forget_everywhere("user_eve").await;
    for number in [1, 5_000] {
        for revision in history.history(number).await {
            assert!(revision.author.by != Some(user("user_eve")), "{revision:?}");
        }
    }
}
