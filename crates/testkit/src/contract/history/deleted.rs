//! Deleted ICPs.

use std::num::NonZeroUsize;

use icp_domain::{Caller, Operation};
use icp_ports::{HistoryQuery, Lookup, Revision, Stamp};

use super::support::{TestHistory, all, at, query, second};
use crate::contract::repository::support::{admin, scope};
use crate::fixtures::{icp, id, user};

/// Inserts and deletes ICPs 1 to `count`.
async fn deleted(history: &TestHistory, count: u128) {
    for number in 1..=count {
        let version = history.insert_one(&icp(number).document()).await;
        history.erase(number, version, &at(1)).await;
    }
}

pub(super) async fn delete_is_newest_revision(history: TestHistory) {
    let document = icp(1).with("colour", "red").document();
    let version = history.insert_one(&document).await;
    let stamp = Stamp { author: Caller::user(user("user_bob")).author(), ..at(5) };
    let deleted = history.erase(1, version, &stamp).await;
    assert!(deleted > version, "{deleted} {version}");
    let json = Some(document.json().to_owned());
    let delete = Revision {
        id: id(1),
        version: deleted,
        at: second(5),
        author: stamp.author,
        operation: Operation::Delete,
        changed: icp_domain::ChangedFields::default(),
        json: json.clone(),
    };
    let found = history.look_at(1, deleted, &admin(), second(5)).await;
    assert_eq!(found, Lookup::Found(Some(delete.clone())));
    assert_eq!(history.text(1, version).await, json);
    assert_eq!(history.deletes(&scope("user_ada"), &all()).await.revisions, [delete]);
    let operations: Vec<_> = history.history(1).await.iter().map(|revision| revision.operation).collect();
    assert_eq!(operations, [Operation::Delete, Operation::Create]);
}

pub(super) async fn deleted_icps_are_newest_first(history: TestHistory) {
    for number in [3, 1, 2] {
        let version = history.insert_one(&icp(number).document()).await;
        history.insert_one(&icp(10 + number).users(["user_bob"]).document()).await;
        history.second().insert_one(&icp(20 + number).document()).await;
        history.erase(number, version, &at(1)).await;
    }
    for reader in [scope("user_ada"), admin()] {
        assert_eq!(history.deleted_ids(&reader).await, [id(2), id(1), id(3)]);
    }
    assert!(history.deleted_ids(&scope("user_bob")).await.is_empty());
}

pub(super) async fn pages_add_up_to_deleted_icps(history: TestHistory) {
    deleted(&history, 5).await;
    for reader in [scope("user_ada"), admin()] {
        let whole = history.deletes(&reader, &all()).await;
        assert!(whole.revisions.len() == 5 && !whole.has_more);
        for limit in 1..=6 {
            let (mut pages, mut after) = (Vec::new(), None);
            loop {
                let page = history.deletes(&reader, &HistoryQuery { after, ..query(limit) }).await;
                assert!(page.revisions.len() <= limit && !page.revisions.is_empty());
                after = page.revisions.last().map(Revision::cursor);
                pages.extend(page.revisions);
                if !page.has_more {
                    break;
                }
            }
            assert_eq!(pages, whole.revisions, "in pages of {limit}");
        }
    }
}

pub(super) async fn max_bytes_bounds_page(history: TestHistory) {
    deleted(&history, 4).await;
    let length = icp(1).document().json().len();
    for (max_bytes, count) in [(1, 1), (length, 1), (length + 1, 2), (2 * length + 1, 3), (9 * length, 4)] {
        let max_bytes = NonZeroUsize::new(max_bytes).expect("not zero");
        for reader in [scope("user_ada"), admin()] {
            let page = history.deletes(&reader, &HistoryQuery { max_bytes, ..all() }).await;
            assert_eq!((page.revisions.len(), page.has_more), (count, count < 4), "{max_bytes}");
            assert!(page.revisions.iter().all(|revision| revision.json.is_some()));
        }
    }
}

pub(super) async fn delete_without_history_is_not_listed(history: TestHistory) {
    let version = history.insert_one(&icp(1).document()).await;
    assert!(history.remove(1, version).await);
    assert_eq!(history.page(1, &admin(), &all()).await, Lookup::Absent);
    assert!(history.deleted_ids(&scope("user_ada")).await.is_empty());
    assert!(history.deleted_ids(&admin()).await.is_empty());
}

pub(super) async fn icp_inserted_again_is_not_deleted(history: TestHistory) {
    deleted(&history, 1).await;
    let again = icp(1).users(["user_bob"]).document();
    history.insert_one(&again).await;
    for reader in [scope("user_ada"), admin()] {
        assert!(history.deleted_ids(&reader).await.is_empty());
    }
    assert_eq!(history.page(1, &scope("user_ada"), &all()).await, Lookup::Forbidden);
    let operations: Vec<_> = history.history(1).await.iter().map(|revision| revision.operation).collect();
    assert_eq!(operations, [Operation::Create, Operation::Delete, Operation::Create]);
}
