//! Restores of deleted ICPs.

use icp_domain::Operation;
use icp_ports::{Lookup, Quota, Replacement, StoredIcp, Version};

use super::support::{TestHistory, all, assert_replaced, at, undeleting};
use crate::contract::repository::support::{admin, array, scope};
use crate::fixtures::{icp, id};

pub(super) async fn undelete_brings_icp_back(history: TestHistory) {
    let first = icp(1).with("name", "first").with("colour", "red").users(["user_eve"]).document();
    let last = icp(1).with("name", "last").users(["user_ada", "user_bob"]).document();
    let version = history.insert_one(&first).await;
    let version = history.edit(&first, &last, version, &at(1)).await;
    let deleted = history.erase(1, version, &at(2)).await;
    let restored = assert_replaced(history.bring_back(&last, &first, deleted, Quota::UNLIMITED).await);
    assert!(restored > deleted);
    let change = undeleting(&last, &first);
    let document = change.document();
    assert!(document.json().contains(r#""colour":"red""#) && document.user_ids() == last.user_ids());
    let stored = StoredIcp { id: id(1), version: restored, json: document.json().to_owned() };
    for reader in [history.repository(), history.second()] {
        assert_eq!(reader.found(1).await, stored);
        for name in ["user_ada", "user_bob"] {
            assert_eq!(reader.list_json(name).await, array([document]), "{name}");
        }
    }
    assert_eq!(history.look_up(1, &scope("user_eve")).await, Lookup::Forbidden, "it gives no access");
    assert_eq!(history.list_json("user_eve").await, "[]");
    for reader in [scope("user_ada"), admin()] {
        assert!(history.deleted_ids(&reader).await.is_empty());
    }
}

pub(super) async fn history_goes_on_after_undelete(history: TestHistory) {
    let document = icp(1).document();
    let first = history.insert_one(&document).await;
    let deleted = history.erase(1, first, &at(1)).await;
    let restored = assert_replaced(history.bring_back(&document, &document, deleted, Quota::UNLIMITED).await);
    let current = undeleting(&document, &document);
    let after = icp(1).with("name", "after").document();
    let last = history.edit(current.document(), &after, restored, &at(2_000)).await;
    let seen: Vec<_> = history.history(1).await;
    let seen: Vec<_> = seen.iter().map(|revision| (revision.version, revision.operation)).collect();
    let expected = [
        (last, Operation::Update),
        (restored, Operation::Restore),
        (deleted, Operation::Delete),
        (first, Operation::Create),
    ];
    assert_eq!(seen, expected);
    for (version, text) in [(deleted, document.json()), (restored, current.document().json())] {
        assert_eq!(history.text(1, version).await.as_deref(), Some(text));
    }
}

pub(super) async fn undelete_of_other_version_changes_nothing(history: TestHistory) {
    let document = icp(1).document();
    let first = history.insert_one(&document).await;
    let undelete = async |version| history.bring_back(&document, &document, version, Quota::UNLIMITED).await;
    assert_eq!(undelete(first).await, Replacement::OtherVersion, "it exists");
    let deleted = history.erase(1, first, &at(1)).await;
    for version in [first, Version(deleted.0 + 1), Version(0)] {
        assert_eq!(undelete(version).await, Replacement::OtherVersion, "{version}");
    }
    assert_eq!(history.find(1).await, None);
    let restored = assert_replaced(undelete(deleted).await);
    assert_eq!(undelete(deleted).await, Replacement::OtherVersion, "it exists again");
    assert_eq!(history.found(1).await.version, restored);
    history.erase(1, restored, &at(2)).await;
    assert_eq!(undelete(deleted).await, Replacement::OtherVersion, "it was deleted again");
    assert_eq!(history.find(1).await, None);
}

pub(super) async fn deleted_again_is_listed_once(history: TestHistory) {
    let document = icp(1).document();
    let first = history.insert_one(&document).await;
    let deleted = history.erase(1, first, &at(1)).await;
    let restored = assert_replaced(history.bring_back(&document, &document, deleted, Quota::UNLIMITED).await);
    let again = history.erase(1, restored, &at(2)).await;
    for reader in [scope("user_ada"), admin()] {
        let page = history.deletes(&reader, &all()).await;
        let versions: Vec<_> = page.revisions.iter().map(|revision| revision.version).collect();
        assert_eq!(versions, [again]);
    }
}

pub(super) async fn many_users_get_their_icp_back(history: TestHistory) {
    let users: Vec<_> = (0..3_000).map(|number| format!("user_{number}")).collect();
    let document = icp(1).with("userIds", users).document();
    let version = history.insert_one(&document).await;
    let deleted = history.erase(1, version, &at(1)).await;
    assert_eq!(history.deleted_ids(&scope("user_2999")).await, [id(1)]);
    assert_replaced(history.bring_back(&document, &document, deleted, Quota::UNLIMITED).await);
    for name in ["user_0", "user_2999"] {
        assert!(history.deleted_ids(&scope(name)).await.is_empty(), "{name}");
        assert!(matches!(history.look_up(1, &scope(name)).await, Lookup::Found(_)), "{name}");
    }
}
