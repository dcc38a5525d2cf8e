//! Import and export, the schema and health.

use icp_ports::{Health, ImportSummary, OnConflict, TransferError};

use super::Subject;
use super::support::{Batches, Full, array};
use crate::fixtures::{icp, id};

pub(super) async fn an_import_is_all_or_nothing(subject: Subject) {
    let before = icp(100).document();
    subject.store([before.clone()]).await;
    let documents = (1..=20).map(|number| icp(number).document()).collect();
    let result = subject.transfer.import(&mut Batches::failing(documents, "line 21"), OnConflict::Fail).await;
    assert!(matches!(result, Err(TransferError::Source(error)) if error.to_string() == "line 21"));
    assert_eq!(subject.export().await, [before.json()]);
    assert_eq!(subject.list("user_ada").await, array([&before]));
    // Nothing is left that would be in the way of the next.
    subject.store((1..=20).map(|number| icp(number).document())).await;
}

pub(super) async fn fails_on_an_id_that_is_there(subject: Subject) {
    let before = icp(15).document();
    subject.store([before.clone()]).await;
    let result = subject.import((1..=20).map(|number| icp(number).document()), OnConflict::Fail).await;
    assert!(matches!(result, Err(TransferError::Conflict(conflict)) if conflict == id(15)), "{result:?}");
    assert_eq!(subject.export().await, [before.json()]);
}

pub(super) async fn fails_on_an_id_that_comes_twice(subject: Subject) {
    for distance in [1, 15] {
        let documents = (1..=distance).chain([1]).map(|number| icp(number).document());
        let result = subject.import(documents, OnConflict::Fail).await;
        assert!(matches!(result, Err(TransferError::Conflict(conflict)) if conflict == id(1)), "{result:?}");
        assert!(subject.export().await.is_empty());
    }
}

pub(super) async fn skips_what_is_there(subject: Subject) {
    let before = icp(1).with("name", "before").document();
    subject.store([before.clone()]).await;
    let (after, new) = (icp(1).with("name", "after").users(["user_bob"]).document(), icp(2).document());
    let again = icp(2).with("name", "again").users(["user_bob"]).document();
    let summary = subject.import([after, new.clone(), again], OnConflict::Skip).await;
    assert_eq!(summary.expect("it imports"), ImportSummary { inserted: 1, replaced: 0, skipped: 2 });
    assert_eq!(subject.list("user_ada").await, array([&before, &new]));
    assert_eq!(subject.list("user_bob").await, "[]");
}

pub(super) async fn replaces_what_is_there_and_who_may_see_it(subject: Subject) {
    let old = icp(1).users(["user_ada", "user_bob"]).document();
    let kept = icp(2).created_at("2024-02-01T00:00:00.000Z").users(["user_bob"]).document();
    subject.store([old, kept.clone()]).await;
    // It is someone else's now, and younger than the other.
    let new =
        icp(1).with("name", "new").created_at("2024-03-01T00:00:00.000Z").users(["user_bob", "user_eve"]);
    let new = new.document();
    let summary = subject.import([new.clone()], OnConflict::Replace).await;
    assert_eq!(summary.expect("it imports"), ImportSummary { inserted: 0, replaced: 1, skipped: 0 });
    assert_eq!(subject.list("user_ada").await, "[]");
    assert_eq!(subject.list("user_bob").await, array([&kept, &new]));
    assert_eq!(subject.list("user_eve").await, array([&new]));
}

pub(super) async fn replaces_with_the_last_of_several(subject: Subject) {
    let versions = (1..=20).map(|version| icp(1).with("name", format!("version {version}")).document());
    let last = versions.clone().next_back().expect("there are some");
    let summary = subject.import(versions, OnConflict::Replace).await;
    assert_eq!(summary.expect("it imports"), ImportSummary { inserted: 1, replaced: 19, skipped: 0 });
    assert_eq!(subject.export().await, [last.json()]);
    assert_eq!(subject.list("user_ada").await, array([&last]));
}

pub(super) async fn takes_a_source_without_documents(subject: Subject) {
    let summary = subject.import([], OnConflict::Fail).await;
    assert_eq!(summary.expect("it imports"), ImportSummary::default());
    assert!(subject.export().await.is_empty());
}

pub(super) async fn exports_in_order_of_ids_what_was_imported(subject: Subject) {
    let documents: Vec<_> =
        (1..=1_300).map(|number| icp(number).with("name", "\n\u{2028}").document()).collect();
    subject.store(documents.iter().rev().cloned()).await;
    let exported = subject.export().await;
    assert!(
        exported.iter().eq(documents.iter().map(icp_domain::IcpDocument::json)),
        "as it was, and in order"
    );
    assert!(!exported.iter().any(|line| line.contains('\n')), "on one line each");
}

pub(super) async fn an_export_ends_with_its_sink(subject: Subject) {
    subject.store((1..=2_000).map(|number| icp(number).document())).await;
    let result = subject.transfer.export(&mut Full).await;
    assert!(matches!(result, Err(TransferError::Source(error)) if error.to_string() == "no space left"));
    assert_eq!(subject.export().await.len(), 2_000, "the next one works");
}

pub(super) async fn is_up_to_date_after_migrating(subject: Subject) {
    assert!(subject.schema.pending().await.expect("it tells").is_empty());
    let again = subject.schema.migrate().await.expect("it migrates");
    assert!(again.applied.is_empty() && !again.created, "migrating again does nothing");
}

pub(super) async fn is_healthy(subject: Subject) {
    assert_eq!(subject.repository.health().await, Health::Ok);
}
