//! Imports in the history.

use icp_domain::{Author, Operation};
use icp_ports::Lookup;

use super::support::{TestHistory, all, at};
use crate::contract::repository::support::{admin, scope};
use crate::fixtures::{icp, id};

pub(super) async fn replacing_import_is_a_change(history: TestHistory) {
    let before = icp(1).users(["user_ada"]).with("colour", "red").document();
    let after = icp(1).users(["user_bob"]).with("name", "after").document();
    let first = history.insert_one(&before).await;
    history.import([after.clone(), icp(2).document()], true).await;
    let revisions = history.history(1).await;
    let [current, replaced] = revisions.as_slice() else { panic!("{revisions:?}") };
    assert_eq!((&current.author, current.operation), (&Author::import(), Operation::Update));
    assert_eq!(current.changed.as_json(), r#"["colour","name","userIds"]"#);
    assert!(current.at > before.created_at(), "the time of the import");
    assert_eq!((replaced.version, replaced.operation), (first, Operation::Create));
    assert_eq!(history.text(1, first).await.as_deref(), Some(before.json()));
    assert_eq!(history.text(1, current.version).await.as_deref(), Some(after.json()));
    assert_eq!(history.page(1, &scope("user_ada"), &all()).await, Lookup::Forbidden);
    let imported = history.history(2).await;
    let [created] = imported.as_slice() else { panic!("{imported:?}") };
    assert_eq!((&created.author, created.operation), (&Author::import(), Operation::Create));
    assert_eq!(created.changed.as_json(), "[]");
}

pub(super) async fn import_without_history_leaves_no_revision(history: TestHistory) {
    history.insert_one(&icp(1).document()).await;
    history.import([icp(1).with("name", "after").document()], false).await;
    let revisions = history.history(1).await;
    let [current] = revisions.as_slice() else { panic!("{revisions:?}") };
    assert_eq!((&current.author, current.operation), (&Author::import(), Operation::Update));
    assert_eq!(current.changed.as_json(), r#"["name"]"#);
}

pub(super) async fn imported_icp_is_no_longer_deleted(history: TestHistory) {
    let version = history.insert_one(&icp(1).document()).await;
    history.erase(1, version, &at(1)).await;
    history.import([icp(1).users(["user_bob"]).document()], true).await;
    for reader in [scope("user_ada"), admin()] {
        assert!(history.deleted_ids(&reader).await.is_empty());
    }
    assert_eq!(history.page(1, &scope("user_ada"), &all()).await, Lookup::Forbidden);
    let operations: Vec<_> = history.history(1).await.iter().map(|revision| revision.operation).collect();
    assert_eq!(operations, [Operation::Create, Operation::Delete, Operation::Create]);
    let version = history.found(1).await.version;
    history.erase(1, version, &at(2)).await;
    assert_eq!(history.deleted_ids(&admin()).await, [id(1)]);
    assert_eq!(history.page(1, &scope("user_ada"), &all()).await, Lookup::Forbidden, "the last users decide");
}
