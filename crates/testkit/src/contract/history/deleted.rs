//! Deleted ICPs.

use std::num::NonZeroUsize;

use icp_domain::{Caller, Operation, Source};
use icp_ports::{HistoryQuery, Lookup, Revision, Stamp};

use super::support::{TestHistory, all_revisions_query, query_with_limit, stamp_at, time_at};
use crate::contract::repository::support::{admin_scope, assert_advances, user_scope};
use crate::fixtures::{icp, id, user};

/// Inserts and deletes ICPs 1 to `count`.
async fn insert_and_delete(history: &TestHistory, count: u128) {
    for number in 1..=count {
        let version = history.insert_one(&icp(number).document()).await;
        history.erase(number, version, &stamp_at(1)).await;
    }
}

pub(super) async fn delete_is_newest_revision(history: TestHistory) {
    let (first, document) = (icp(1).document(), icp(1).with("colour", "red").document());
    let version = history.insert_one(&first).await;
    let version = history.edit(&first, &document, version, &stamp_at(4)).await;
    let caller = Caller::impersonated(user("user_bob"), user("user_root")).via(Source::Mcp);
    let stamp = Stamp { author: caller.author(), ..stamp_at(5) };
    let deleted = history.erase(1, version, &stamp).await;
    assert!(deleted > version, "the delete must increase the version from {version}: {deleted}");
    let json = Some(document.json().to_owned());
    let delete = Revision {
        id: id(1),
        version: deleted,
        at: time_at(5),
        author: stamp.author,
        operation: Operation::Delete,
        changed: icp_domain::ChangedFields::default(),
        json: json.clone(),
    };
    let found = history.read_revision(1, deleted, &admin_scope(), time_at(5)).await;
    assert_eq!(found, Lookup::Found(Some(delete.clone())));
    assert_eq!(history.revision_text(1, version).await, json);
    assert_eq!(
        history.read_deletes(&user_scope("user_ada"), &all_revisions_query()).await.revisions,
        [delete]
    );
    let operations: Vec<_> =
        history.all_revisions(1).await.iter().map(|revision| revision.operation).collect();
    assert_eq!(operations, [Operation::Delete, Operation::Update, Operation::Create]);
}

pub(super) async fn deleted_icps_are_newest_first(history: TestHistory) {
    // The clocks of instances may differ, so the order of the times is not the order of the deletes.
    for (number, time) in [(3, 9), (1, 8), (2, 7)] {
        let version = history.insert_one(&icp(number).document()).await;
        history.insert_one(&icp(10 + number).users(["user_bob"]).document()).await;
        history.second_instance().insert_one(&icp(20 + number).document()).await;
        history.erase(number, version, &stamp_at(time)).await;
    }
    for scope in [user_scope("user_ada"), admin_scope()] {
        assert_eq!(history.deleted_ids(&scope).await, [id(2), id(1), id(3)]);
    }
    assert!(history.deleted_ids(&user_scope("user_bob")).await.is_empty());
}

pub(super) async fn pages_add_up_to_deleted_icps(history: TestHistory) {
    insert_and_delete(&history, 5).await;
    for scope in [user_scope("user_ada"), admin_scope()] {
        let all_deletes = history.read_deletes(&scope, &all_revisions_query()).await;
        assert!(all_deletes.revisions.len() == 5 && !all_deletes.has_more);
        for limit in 1..=6 {
            let (mut pages, mut after) = (Vec::new(), None);
            loop {
                let page =
                    history.read_deletes(&scope, &HistoryQuery { after, ..query_with_limit(limit) }).await;
                assert!(page.revisions.len() <= limit && !page.revisions.is_empty());
                let last = page.revisions.last().expect("the page must have a revision").cursor();
                assert_advances(&mut after, &last);
                pages.extend(page.revisions);
                if !page.has_more {
                    break;
                }
            }
            assert_eq!(pages, all_deletes.revisions, "pages of {limit} must contain all deleted ICPs");
        }
    }
}

pub(super) async fn max_bytes_bounds_page(history: TestHistory) {
    insert_and_delete(&history, 4).await;
    let length = icp(1).document().json().len();
    for (max_bytes, count) in [(1, 1), (length, 1), (length + 1, 2), (2 * length + 1, 3), (9 * length, 4)] {
        let max_bytes = NonZeroUsize::new(max_bytes).expect("the number must not be zero");
        for scope in [user_scope("user_ada"), admin_scope()] {
            let page =
                history.read_deletes(&scope, &HistoryQuery { max_bytes, ..all_revisions_query() }).await;
            assert_eq!((page.revisions.len(), page.has_more), (count, count < 4), "{max_bytes}");
            assert!(page.revisions.iter().all(|revision| revision.json.is_some()));
        }
    }
}

pub(super) async fn delete_without_history_is_not_listed(history: TestHistory) {
    let version = history.insert_one(&icp(1).document()).await;
    assert!(history.remove(1, version).await);
    assert_eq!(history.read_page(1, &admin_scope(), &all_revisions_query()).await, Lookup::Absent);
    assert!(history.deleted_ids(&user_scope("user_ada")).await.is_empty());
    assert!(history.deleted_ids(&admin_scope()).await.is_empty());
}

pub(super) async fn reinserted_icp_is_not_listed_as_deleted(history: TestHistory) {
    insert_and_delete(&history, 1).await;
    let reinserted = icp(1).users(["user_bob"]).document();
    history.insert_one(&reinserted).await;
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
}
