//! The revisions that imports create.

use icp_domain::{Author, Operation};
use icp_ports::{Creation, Lookup, Quota};

use super::support::{TestHistory, all_revisions_query, stamp_at};
use crate::contract::repository::support::{admin_scope, user_scope};
use crate::fixtures::{creator, icp, id};

pub(super) async fn replacing_import_creates_revision(history: TestHistory) {
    let before = icp(1).users(["user_ada"]).with("colour", "red").document();
    let after = icp(1).users(["user_bob"]).with("name", "after").document();
    let first = history.insert_one(&before).await;
    history.import([after.clone(), icp(2).document()], true).await;
    let revisions = history.all_revisions(1).await;
    let [current, replaced] = revisions.as_slice() else { panic!("{revisions:?}") };
    assert_eq!((&current.author, current.operation), (&Author::import(), Operation::Update));
    assert_eq!(current.changed.as_json(), r#"["colour","name","userIds"]"#);
    assert!(current.at > before.created_at(), "the revision must have the time of the import");
    assert_eq!((replaced.version, replaced.operation), (first, Operation::Create));
    assert_eq!(history.revision_text(1, first).await.as_deref(), Some(before.json()));
    assert_eq!(history.revision_text(1, current.version).await.as_deref(), Some(after.json()));
    assert_eq!(
        history.read_page(1, &user_scope("user_ada"), &all_revisions_query()).await,
        Lookup::Forbidden
    );
    let imported = history.all_revisions(2).await;
    let [created] = imported.as_slice() else { panic!("{imported:?}") };
    assert_eq!((&created.author, created.operation), (&Author::import(), Operation::Create));
    assert_eq!(created.changed.as_json(), "[]");
}

pub(super) async fn replaced_icp_keeps_its_creator(history: TestHistory) {
    history.insert_one(&icp(1).document()).await;
    history.import([icp(1).with("name", "after").document()], true).await;
    let ada = creator("user_ada", Quota { icps: 1, bytes: u64::MAX });
    let refused = history.insert(&icp(2).document(), &ada, None).await.expect("insert failed");
    assert_eq!(refused, Creation::QuotaReached, "the replaced ICP must count for its creator");
}

pub(super) async fn import_without_history_leaves_no_revision(history: TestHistory) {
    history.insert_one(&icp(1).document()).await;
    history.import([icp(1).with("name", "after").document()], false).await;
    let revisions = history.all_revisions(1).await;
    let [current] = revisions.as_slice() else { panic!("{revisions:?}") };
    assert_eq!((&current.author, current.operation), (&Author::import(), Operation::Update));
    assert_eq!(current.changed.as_json(), r#"["name"]"#);
}

pub(super) async fn imported_icp_is_no_longer_deleted(history: TestHistory) {
    let version = history.insert_one(&icp(1).document()).await;
    history.erase(1, version, &stamp_at(1)).await;
    history.import([icp(1).users(["user_bob"]).document()], true).await;
    for scope in [user_scope("user_ada"), admin_scope()] {
        assert!(history.deleted_ids(&scope).await.is_empty());
    }
    assert_eq!(
        history.read_page(1, &user_scope("user_ada"), &all_revisions_query()).await,
        Lookup::Forbidden
    );
    let operations: Vec<_> =
        history.all_revisions(1).await.iter().map(|revision| revision.operation).collect();
    assert_eq!(operations, [Operation::Create, Operation::Delete, Operation::Create]);
    let version = history.must_find(1).await.version;
    history.erase(1, version, &stamp_at(2)).await;
    assert_eq!(history.deleted_ids(&admin_scope()).await, [id(1)]);
    assert_eq!(
        history.read_page(1, &user_scope("user_ada"), &all_revisions_query()).await,
        Lookup::Forbidden,
        "only the last users must have access"
    );
}
