//! Restores of deleted ICPs.

use icp_domain::Operation;
use icp_ports::{Lookup, Quota, Replacement, Revision, Stamp, StoredIcp, Version};

use super::support::{
    TestHistory, all_revisions_query, assert_replaced, stamp_at, undelete_change, undelete_stamp,
};
use crate::contract::repository::support::{admin_scope, json_array, retry_overloaded, user_scope};
use crate::fixtures::{icp, id};

pub(super) async fn undelete_restores_icp(history: TestHistory) {
    let first = icp(1).with("name", "first").with("colour", "red").users(["user_eve"]).document();
    let last = icp(1).with("name", "last").users(["user_ada", "user_bob"]).document();
    let version = history.insert_one(&first).await;
    let version = history.edit(&first, &last, version, &stamp_at(1)).await;
    let deleted = history.erase(1, version, &stamp_at(2)).await;
    let restored = assert_replaced(history.undelete_to(&last, &first, deleted, Quota::UNLIMITED).await);
    assert!(restored > deleted, "the restore must increase the version from {deleted}: {restored}");
    let change = undelete_change(&last, &first);
    let document = change.document();
    assert!(document.json().contains(r#""colour":"red""#) && document.user_ids() == last.user_ids());
    let stored = StoredIcp { id: id(1), version: restored, json: document.json().to_owned() };
    for reader in [history.repository(), history.second_instance()] {
        assert_eq!(reader.must_find(1).await, stored);
        for name in ["user_ada", "user_bob"] {
            assert_eq!(reader.list_json(name).await, json_array([document]), "{name}");
        }
    }
    let Stamp { at, author, .. } = undelete_stamp();
    let json = Some(document.json().to_owned());
    let (operation, changed) = (Operation::Restore, change.changed().clone());
    assert!(changed.as_json() != "[]", "the restore must change fields");
    let revision = Revision { id: id(1), version: restored, at, author, operation, changed, json };
    let found = history.read_revision(1, restored, &admin_scope(), at).await;
    assert_eq!(found, Lookup::Found(Some(revision)));
    assert_eq!(
        history.look_up(1, &user_scope("user_eve")).await,
        Lookup::Forbidden,
        "the restored state must not restore the access of former users"
    );
    assert_eq!(history.list_json("user_eve").await, "[]");
    for scope in [user_scope("user_ada"), admin_scope()] {
        assert!(history.deleted_ids(&scope).await.is_empty());
    }
}

pub(super) async fn history_continues_after_undelete(history: TestHistory) {
    let document = icp(1).document();
    let first = history.insert_one(&document).await;
    let deleted = history.erase(1, first, &stamp_at(1)).await;
    let restored =
        assert_replaced(history.undelete_to(&document, &document, deleted, Quota::UNLIMITED).await);
    let current = undelete_change(&document, &document);
    let after = icp(1).with("name", "after").document();
    let last = history.edit(current.document(), &after, restored, &stamp_at(2_000)).await;
    let revisions: Vec<_> = history.all_revisions(1).await;
    let revisions: Vec<_> = revisions.iter().map(|revision| (revision.version, revision.operation)).collect();
    let expected = [
        (last, Operation::Update),
        (restored, Operation::Restore),
        (deleted, Operation::Delete),
        (first, Operation::Create),
    ];
    assert_eq!(revisions, expected);
    for (version, text) in [(deleted, document.json()), (restored, current.document().json())] {
        assert_eq!(history.revision_text(1, version).await.as_deref(), Some(text));
    }
}

pub(super) async fn undelete_without_history_keeps_earlier_revisions(history: TestHistory) {
    let document = icp(1).document();
    let version = history.insert_one(&document).await;
    let deleted = history.erase(1, version, &stamp_at(1)).await;
    let change = undelete_change(&document, &document);
    let stamp = Stamp { keeps_replaced: false, ..undelete_stamp() };
    let undelete = || history.undelete(&change, deleted, Quota::UNLIMITED, &stamp);
    assert_replaced(retry_overloaded(undelete).await.expect("undelete failed"));
    let revisions = history.all_revisions(1).await;
    let operations: Vec<_> = revisions.iter().map(|revision| revision.operation).collect();
    assert_eq!(operations, [Operation::Restore, Operation::Delete, Operation::Create]);
}

pub(super) async fn undelete_of_other_version_changes_nothing(history: TestHistory) {
    let document = icp(1).document();
    let first = history.insert_one(&document).await;
    let undelete = async |version| history.undelete_to(&document, &document, version, Quota::UNLIMITED).await;
    assert_eq!(undelete(first).await, Replacement::OtherVersion, "an existing ICP must not be restored");
    let deleted = history.erase(1, first, &stamp_at(1)).await;
    for version in [first, Version(deleted.0 + 1), Version(0)] {
        assert_eq!(undelete(version).await, Replacement::OtherVersion, "{version}");
    }
    assert_eq!(history.find(1).await, None);
    let restored = assert_replaced(undelete(deleted).await);
    assert_eq!(
        undelete(deleted).await,
        Replacement::OtherVersion,
        "a restored ICP must not be restored a second time"
    );
    assert_eq!(history.must_find(1).await.version, restored);
    history.erase(1, restored, &stamp_at(2)).await;
    assert_eq!(
        undelete(deleted).await,
        Replacement::OtherVersion,
        "the earlier delete must not be undone after a later delete"
    );
    assert_eq!(history.find(1).await, None);
}

pub(super) async fn icp_deleted_twice_is_listed_once(history: TestHistory) {
    let document = icp(1).document();
    let first = history.insert_one(&document).await;
    let deleted = history.erase(1, first, &stamp_at(1)).await;
    let restored =
        assert_replaced(history.undelete_to(&document, &document, deleted, Quota::UNLIMITED).await);
    let last_delete = history.erase(1, restored, &stamp_at(2)).await;
    for scope in [user_scope("user_ada"), admin_scope()] {
        let page = history.read_deletes(&scope, &all_revisions_query()).await;
        let versions: Vec<_> = page.revisions.iter().map(|revision| revision.version).collect();
        assert_eq!(versions, [last_delete]);
    }
}

pub(super) async fn undelete_restores_access_of_many_users(history: TestHistory) {
    let users: Vec<_> = (0..3_000).map(|number| format!("user_{number}")).collect();
    let document = icp(1).with("userIds", users).document();
    let version = history.insert_one(&document).await;
    let deleted = history.erase(1, version, &stamp_at(1)).await;
    assert_eq!(history.deleted_ids(&user_scope("user_2999")).await, [id(1)]);
    assert_replaced(history.undelete_to(&document, &document, deleted, Quota::UNLIMITED).await);
    for name in ["user_0", "user_2999"] {
        assert!(history.deleted_ids(&user_scope(name)).await.is_empty(), "{name}");
        assert!(matches!(history.look_up(1, &user_scope(name)).await, Lookup::Found(_)), "{name}");
    }
}
