//! The revisions of an existing ICP.

use icp_domain::{Author, Caller, Operation, Source};
use icp_ports::{Creator, HistoryCursor, HistoryQuery, Lookup, Quota, Replacement, Revision, Stamp, Version};

use super::support::{TestHistory, all_revisions_query, query_with_limit, stamp_at, time_at};
use crate::contract::repository::support::{admin_scope, assert_advances, change};
use crate::fixtures::{self, any_creator, icp, id, user};

fn ada() -> Author {
    Caller::user(user("user_ada")).author()
}

pub(super) async fn new_icp_has_one_revision(history: TestHistory) {
    let document = icp(1).document();
    let version = history.insert_one(&document).await;
    let created = Revision {
        id: id(1),
        version,
        at: document.created_at(),
        author: ada(),
        operation: Operation::Create,
        changed: icp_domain::ChangedFields::default(),
        json: None,
    };
    assert_eq!(history.all_revisions(1).await, std::slice::from_ref(&created));
    let with_document = Revision { json: Some(document.json().to_owned()), ..created };
    let found = history.read_revision(1, version, &admin_scope(), time_at(0)).await;
    assert_eq!(found, Lookup::Found(Some(with_document)), "the current state must never be hidden");
    assert_eq!(history.read_page(2, &admin_scope(), &all_revisions_query()).await, Lookup::Absent);
}

pub(super) async fn each_change_creates_one_revision(history: TestHistory) {
    let first = icp(1).document();
    let second = icp(1).with("name", "second").with("leadsPerList", 7).document();
    let third =
        icp(1).with("name", "second").with("leadsPerList", 7).users(["user_ada", "user_bob"]).document();
    let versions = [
        history.insert_one(&first).await,
        history.edit(&first, &second, history.must_find(1).await.version, &stamp_at(1)).await,
        history.edit(&second, &third, history.must_find(1).await.version, &stamp_at(2)).await,
    ];
    let restoring = icp_domain::IcpChange::restoring(
        &third.to_icp().expect("the document must be an ICP"),
        &first.to_icp().expect("the document must be an ICP"),
        super::support::time_at(3),
    );
    let restoring = restoring.expect("the restore must change the ICP");
    let restored = history.try_edit(&restoring, versions[2], &stamp_at(3)).await;
    let restored = super::support::assert_replaced(restored);
    let revisions: Vec<_> = history.all_revisions(1).await;
    let revisions: Vec<_> = revisions
        .iter()
        .map(|revision| (revision.version, revision.operation, revision.changed.as_json(), revision.at))
        .collect();
    let expected = [
        (restored, Operation::Restore, r#"["leadsPerList","name"]"#, super::support::time_at(3)),
        (versions[2], Operation::Update, r#"["userIds"]"#, super::support::time_at(2)),
        (versions[1], Operation::Update, r#"["leadsPerList","name"]"#, super::support::time_at(1)),
        (versions[0], Operation::Create, "[]", first.created_at()),
    ];
    assert_eq!(revisions, expected);
}

pub(super) async fn revision_has_document_of_its_time(history: TestHistory) {
    let states: Vec<_> = (0..5).map(|state| icp(1).with("leadsPerList", state).document()).collect();
    let mut version = history.insert_one(&states[0]).await;
    let mut states_read = vec![history.must_find(1).await];
    for (number, pair) in (1..).zip(states.windows(2)) {
        version = history.edit(&pair[0], &pair[1], version, &stamp_at(number)).await;
        states_read.push(history.must_find(1).await);
    }
    for stored in states_read {
        assert_eq!(history.revision_text(1, stored.version).await, Some(stored.json));
    }
}

pub(super) async fn unknown_fields_are_kept_byte_for_byte(history: TestHistory) {
    let with_unknown_fields =
        icp(1).with("colour", "Ä 🦀 e\u{301} \u{2028} \\u0000 \u{7f}").with("name", "odd");
    let with_unknown_fields = with_unknown_fields
        .with("customFilterCriteria", serde_json::json!([{"type": "future", "x": 1e2}]))
        .document();
    let plain = icp(1).document();
    let first = history.insert_one(&with_unknown_fields).await;
    let second = history.edit(&with_unknown_fields, &plain, first, &stamp_at(1)).await;
    history.edit(&plain, &with_unknown_fields, second, &stamp_at(2)).await;
    assert_eq!(history.revision_text(1, first).await.as_deref(), Some(with_unknown_fields.json()));
    assert_eq!(history.revision_text(1, second).await.as_deref(), Some(plain.json()));
    let changed = history.all_revisions(1).await.remove(1).changed;
    assert_eq!(changed.as_json(), r#"["colour","customFilterCriteria","name"]"#);
}

pub(super) async fn actor_and_source_are_kept(history: TestHistory) {
    let (before, after) = (icp(1).document(), icp(1).with("name", "after").document());
    let actor = Some(user("user_support"));
    let creator = Creator {
        actor: actor.clone(),
        source: Source::Mcp,
        ..fixtures::creator("user_bob", Quota::UNLIMITED)
    };
    history.insert(&before, &creator, None).await.expect("insert failed");
    let caller = Caller::impersonated(user("user_cleo"), user("user_root")).via(Source::Mcp);
    let stamp = Stamp { author: caller.author(), ..stamp_at(1) };
    history.edit(&before, &after, history.must_find(1).await.version, &stamp).await;
    let authors: Vec<_> =
        history.all_revisions(1).await.into_iter().map(|revision| revision.author).collect();
    let created = Author { by: Some(user("user_bob")), actor, source: Source::Mcp };
    assert_eq!(authors, [caller.author(), created]);
}

pub(super) async fn pages_add_up_to_history(history: TestHistory) {
    let states: Vec<_> = (0..7).map(|state| icp(1).with("leadsPerList", state).document()).collect();
    let mut version = history.insert_one(&states[0]).await;
    for (number, pair) in (1..).zip(states.windows(2)) {
        version = history.edit(&pair[0], &pair[1], version, &stamp_at(number)).await;
    }
    let all_revisions = history.all_revisions(1).await;
    assert_eq!(all_revisions.len(), 7);
    for limit in 1..=8 {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            // In the history of one ICP, the ID of a cursor has no meaning.
            let other_id = after.map(|after: HistoryCursor| HistoryCursor { id: id(9), ..after });
            let query = HistoryQuery { after: other_id, ..query_with_limit(limit) };
            let Lookup::Found(page) = history.read_page(1, &admin_scope(), &query).await else {
                panic!("the ICP must exist")
            };
            assert!(page.revisions.len() <= limit && !page.revisions.is_empty());
            let last = page.revisions.last().expect("the page must have a revision").cursor();
            assert_advances(&mut after, &last);
            pages.extend(page.revisions);
            if !page.has_more {
                break;
            }
        }
        assert_eq!(pages, all_revisions, "pages of {limit} must contain the complete history");
    }
}

pub(super) async fn failed_change_leaves_no_revision(history: TestHistory) {
    let (before, after) = (icp(1).document(), icp(1).with("name", "after").document());
    let version = history.insert_one(&before).await;
    let change = change(&before, &after);
    let stale = history.try_edit(&change, Version(version.0 + 1), &stamp_at(1)).await;
    assert_eq!(stale, Replacement::OtherVersion);
    let too_small = Quota { icps: 1_000, bytes: 1 };
    let rejected = history.replace(&change, version, too_small, &stamp_at(1)).await.expect("replace failed");
    assert_eq!(rejected, Replacement::QuotaReached);
    assert!(!history.delete(id(1), Version(version.0 + 1), &stamp_at(1)).await.expect("delete failed"));
    assert!(
        history.insert(&after, any_creator(), None).await.is_err(),
        "the ID must be refused as a duplicate"
    );
    let versions: Vec<_> = history.all_revisions(1).await.iter().map(|revision| revision.version).collect();
    assert_eq!(versions, [version]);
}

pub(super) async fn change_without_history_leaves_no_revision(history: TestHistory) {
    let (before, after) = (icp(1).document(), icp(1).with("name", "after").document());
    let version = history.insert_one(&before).await;
    let stamp_without_history = Stamp { keeps_replaced: false, ..stamp_at(1) };
    let version = history.edit(&before, &after, version, &stamp_without_history).await;
    let revisions = history.all_revisions(1).await;
    let [current] = revisions.as_slice() else { panic!("{revisions:?}") };
    assert_eq!((current.version, current.operation), (version, Operation::Update));
}

pub(super) async fn unknown_version_has_no_revision(history: TestHistory) {
    let (before, after) = (icp(1).document(), icp(1).with("name", "after").document());
    let first = history.insert_one(&before).await;
    let second = history.edit(&before, &after, first, &stamp_at(1)).await;
    let other = history.insert_one(&icp(2).document()).await;
    for version in [other, Version(second.0 + 1), Version(0), Version(i64::MAX), Version(i64::MIN)] {
        let found = history.read_revision(1, version, &admin_scope(), stamp_at(0).at).await;
        assert_eq!(found, Lookup::Found(None), "{version}");
        assert_eq!(history.read_revision(3, version, &admin_scope(), stamp_at(0).at).await, Lookup::Absent);
    }
}
