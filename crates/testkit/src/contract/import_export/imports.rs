use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use icp_domain::IcpDocument;
use icp_ports::{Conditional, ImportExportError, ImportSummary, OnConflict, RepositoryError};
use tokio::time::timeout;

use super::TestStorage;
use super::streams::TestSource;
use crate::contract::repository::support::{all_icps_query, concurrently, json_array};
use crate::fixtures::{document, icp, id};

#[track_caller]
fn assert_already_exists(result: &Result<ImportSummary, ImportExportError>, number: u128) {
    let error = result.as_ref().expect_err("the import must fail");
    let existing = ImportExportError::Repository(RepositoryError::AlreadyExists(id(number)));
    assert_eq!(format!("{error:?}"), format!("{existing:?}"));
}

pub(super) async fn failed_source_imports_nothing(storage: TestStorage) {
    let before = icp(100).document();
    storage.seed([before.clone()]).await;
    let mut source = TestSource::failing((1..=20).map(|number| icp(number).document()), "line 21");
    let result = storage.importer.import(&mut source, OnConflict::Fail, false).await;
    assert!(matches!(&result, Err(ImportExportError::Stream(error)) if error.to_string() == "line 21"));
    assert_eq!(storage.export().await, [before.json()]);
    assert_eq!(storage.repository.list_json("user_ada").await, json_array([&before]));
    storage.seed((1..=20).map(|number| icp(number).document())).await;
}

pub(super) async fn dropped_import_leaves_no_icps(storage: TestStorage) {
    let before = icp(9_999).document();
    storage.seed([before.clone()]).await;
    let documents = || (1..=2_000).map(|number| icp(number).document());
    let mut source = TestSource::hanging(documents());
    let import = storage.importer.import(&mut source, OnConflict::Fail, false);
    assert!(
        timeout(Duration::from_millis(1_500), import).await.is_err(),
        "the import must wait for the hanging source"
    );
    assert_eq!(storage.export().await, [before.json()]);
    assert_eq!(storage.repository.list_json("user_ada").await, json_array([&before]));
    storage.seed(documents()).await;
    assert_eq!(storage.export().await.len(), 2_001);
}

pub(super) async fn import_keeps_concurrent_writes(storage: TestStorage) {
    let has_ended = Arc::new(AtomicBool::new(false));
    let writer = {
        let (repository, has_ended) = (storage.repository.clone(), Arc::clone(&has_ended));
        tokio::spawn(async move {
            let mut written = Vec::new();
            while !has_ended.load(Ordering::Relaxed) {
                let document = icp(10_000 + written.len() as u128).document();
                repository.insert_one(&document).await;
                written.push(document);
            }
            written
        })
    };
    let imported: Vec<_> = (1..=600).map(|number| icp(number).document()).collect();
    for documents in imported.chunks(200) {
        storage.seed(documents.to_vec()).await;
    }
    has_ended.store(true, Ordering::Relaxed);
    let written = writer.await.expect("the writes must succeed");
    let expected: Vec<_> = imported.into_iter().chain(written).map(IcpDocument::into_json).collect();
    assert!(storage.export().await == expected, "the imports must not undo any write");
}

pub(super) async fn existing_id_fails_import(storage: TestStorage) {
    let before = icp(15).document();
    storage.seed([before.clone()]).await;
    let result = storage.import((1..=20).map(|number| icp(number).document()), OnConflict::Fail).await;
    assert_already_exists(&result, 15);
    assert_eq!(storage.export().await, [before.json()]);
}

pub(super) async fn repeated_id_in_source_fails_import(storage: TestStorage) {
    for distance in [1, 15] {
        let documents = (1..=distance).chain([1]).map(|number| icp(number).document());
        let result = storage.import(documents, OnConflict::Fail).await;
        assert_already_exists(&result, 1);
        assert!(storage.export().await.is_empty());
    }
}

pub(super) async fn skip_keeps_stored_icps(storage: TestStorage) {
    let before = icp(1).with("name", "before").document();
    storage.seed([before.clone()]).await;
    let (after, new) = (icp(1).with("name", "after").users(["user_bob"]).document(), icp(2).document());
    let duplicate = icp(2).with("name", "again").users(["user_bob"]).document();
    let summary = storage.import([after, new.clone(), duplicate], OnConflict::Skip).await;
    assert_eq!(summary.expect("import failed"), ImportSummary { inserted: 1, replaced: 0, skipped: 2 });
    assert_eq!(storage.repository.list_json("user_ada").await, json_array([&before, &new]));
    assert_eq!(storage.repository.list_json("user_bob").await, "[]");
}

pub(super) async fn replace_changes_documents_and_access(storage: TestStorage) {
    let old = icp(1).users(["user_ada", "user_bob"]).document();
    let unchanged = icp(2).created_at("2024-02-01T00:00:00.000Z").users(["user_bob"]).document();
    storage.seed([old, unchanged.clone()]).await;
    // The import changes the users of ICP 1. It also changes the `createdAt` of ICP 1, so that ICP 1 is then after
    // ICP 2 in lists.
    let new = icp(1).with("name", "new").created_at("2024-03-01T00:00:00.000Z");
    let new = new.users(["user_bob", "user_eve"]).document();
    let summary = storage.import([new.clone()], OnConflict::Replace).await;
    assert_eq!(summary.expect("import failed"), ImportSummary { inserted: 0, replaced: 1, skipped: 0 });
    assert_eq!(storage.repository.list_json("user_ada").await, "[]");
    assert_eq!(storage.repository.list_json("user_bob").await, json_array([&unchanged, &new]));
    assert_eq!(storage.repository.list_json("user_eve").await, json_array([&new]));
}

pub(super) async fn replace_stores_last_of_repeated_ids(storage: TestStorage) {
    let states = (1..=20).map(|state| icp(1).with("name", format!("state {state}")).document());
    let last = states.clone().next_back().expect("there must be 20 documents");
    let summary = storage.import(states, OnConflict::Replace).await;
    assert_eq!(summary.expect("import failed"), ImportSummary { inserted: 1, replaced: 19, skipped: 0 });
    assert_eq!(storage.export().await, [last.json()]);
    assert_eq!(storage.repository.list_json("user_ada").await, json_array([&last]));
}

pub(super) async fn every_import_gives_new_version(storage: TestStorage) {
    let mut versions = Vec::new();
    for state in 1..=4 {
        let document = icp(1).with("name", format!("state {state}")).document();
        storage.import([document], OnConflict::Replace).await.expect("import failed");
        versions.push(storage.repository.must_find(1).await.version);
    }
    assert!(
        versions.is_sorted_by(|before, after| before < after),
        "each import must give a higher version: {versions:?}"
    );
    storage.import([icp(1).document()], OnConflict::Skip).await.expect("import failed");
    assert_eq!(
        Some(&storage.repository.must_find(1).await.version),
        versions.last(),
        "a skipped ICP must keep its version"
    );
}

pub(super) async fn version_grows_after_delete_and_import(storage: TestStorage) {
    let (original, renamed) = (icp(1).document(), icp(1).with("name", "other").document());
    storage.seed([original.clone()]).await;
    let mut last = storage.repository.must_find(1).await.version;
    for _ in 0..20 {
        let changed = storage
            .repository
            .change(&original, &renamed, last)
            .await
            .expect("the ICP must have the expected version");
        assert!(changed > last, "the change must increase the version from {last}: {changed}");
        assert!(storage.repository.remove(1, changed).await);
        storage.seed([original.clone()]).await;
        last = storage.repository.must_find(1).await.version;
        assert!(last > changed, "the import must increase the version from {changed}: {last}");
    }
}

pub(super) async fn import_changes_list_version(storage: TestStorage) {
    let query = all_icps_query("user_ada");
    let mut known = vec![storage.repository.read_list(&query).await.version];
    for state in 1..=4 {
        let document = icp(1).with("name", format!("state {state}")).document();
        storage.import([document.clone()], OnConflict::Replace).await.expect("import failed");
        for reader in [storage.repository.clone(), storage.repository.second_instance()] {
            match reader.list_if_changed(&query, &known).await.expect("list_if_changed failed") {
                Conditional::Changed(list) => assert_eq!(list.icps.to_json(), json_array([&document])),
                Conditional::Unchanged(_) => panic!("the import must change the version of the list"),
            }
        }
        known.push(storage.repository.read_list(&query).await.version);
    }
}

pub(super) async fn empty_source_imports_nothing(storage: TestStorage) {
    let summary = storage.import([], OnConflict::Fail).await;
    assert_eq!(summary.expect("import failed"), ImportSummary::default());
    assert!(storage.export().await.is_empty());
}

pub(super) async fn documents_of_all_sizes_are_imported_and_exported(storage: TestStorage) {
    let sizes = [1, 8, 16, 64, 256, 1_024].map(|kilobytes| "x".repeat(kilobytes * 1_024));
    let documents: Vec<_> = (1..)
        .zip(&sizes)
        .map(|(number, text)| icp(number).with("description", text.as_str()).document())
        .collect();
    storage.seed(documents.iter().rev().cloned()).await;
    let exported = storage.export().await;
    assert!(
        exported.iter().eq(documents.iter().map(icp_domain::IcpDocument::json)),
        "the export must contain the imported documents"
    );
    assert!(
        storage.repository.list_json("user_ada").await == json_array(&documents),
        "the list must contain the imported documents"
    );
}

pub(super) async fn concurrent_changes_and_imports_leave_icp_consistent(storage: TestStorage) {
    let state = |number: u32| {
        let user = format!("user_{number}");
        icp(1).with("name", user.as_str()).users([user.as_str()]).document()
    };
    storage.seed([state(0)]).await;
    concurrently(49, |task| {
        let storage = storage.clone();
        async move {
            let after = state(task);
            if task % 8 == 0 {
                storage.import([after], OnConflict::Replace).await.expect("import failed");
                return;
            }
            let Some(stored) = storage.repository.find(1).await else { return };
            if task % 7 == 0 {
                storage.repository.remove(1, stored.version).await;
            } else {
                storage.repository.change(&document(&stored.json), &after, stored.version).await;
            }
        }
    })
    .await;
    let stored = storage.repository.find(1).await.map(|stored| document(&stored.json));
    for number in 0..49 {
        let user = format!("user_{number}");
        let document_with_name = stored.as_ref().filter(|document| document.name() == user);
        let expected = document_with_name.map_or_else(|| "[]".to_owned(), |document| json_array([document]));
        assert_eq!(storage.repository.list_json(&user).await, expected, "the list of {user}");
    }
}
