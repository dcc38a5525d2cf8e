use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use icp_domain::IcpDocument;
use icp_ports::{BoxError, ExportSink, ImportExportError};
use tokio::time::sleep;

use super::TestStorage;
use super::streams::FailingSink;
use crate::fixtures::{icp, id};

pub(super) async fn export_returns_documents_in_id_order(storage: TestStorage) {
    let documents: Vec<_> = (1..=1_300)
        .map(|number| {
            let icp = icp(number).with("name", "\n\u{2028}");
            if number % 10 == 0 { icp.users([]).document() } else { icp.document() }
        })
        .collect();
    storage.seed(documents.iter().rev().cloned()).await;
    let exported = storage.export().await;
    assert!(
        exported.iter().eq(documents.iter().map(IcpDocument::json)),
        "the export must contain the same documents in the order of their IDs"
    );
    assert!(!exported.iter().any(|line| line.contains('\n')), "each document must be one line");
}

pub(super) async fn export_contains_inserted_and_changed_icps(storage: TestStorage) {
    let (before, after) = (icp(1).document(), icp(1).with("name", "after").document());
    let version = storage.repository.insert_one(&before).await;
    assert_eq!(storage.export().await, [before.json()]);
    let changed = storage
        .repository
        .change(&before, &after, version)
        .await
        .expect("the ICP must have the expected version");
    assert_eq!(storage.export().await, [after.json()]);
    assert!(storage.repository.remove(1, changed).await);
    assert!(storage.export().await.is_empty());
}

pub(super) async fn failed_sink_fails_export(storage: TestStorage) {
    storage.seed((1..=2_000).map(|number| icp(number).document())).await;
    let result = storage.importer.export(&mut FailingSink).await;
    assert!(matches!(&result, Err(ImportExportError::Stream(error)) if error.to_string() == "no space left"));
    assert_eq!(storage.export().await.len(), 2_000, "the next export must succeed");
}

/// A sink that accepts its first ten batches slowly.
#[derive(Default)]
struct SlowSink {
    batch_count: u32,
    texts: Vec<String>,
}

#[async_trait]
impl ExportSink for SlowSink {
    async fn write_batch(&mut self, documents: Vec<String>) -> Result<(), BoxError> {
        if self.batch_count < 10 {
            sleep(Duration::from_millis(100)).await;
        }
        self.batch_count += 1;
        self.texts.extend(documents);
        Ok(())
    }
}

pub(super) async fn export_reads_one_snapshot(storage: TestStorage) {
    const LOW: u128 = 1;
    const MIDDLE: u128 = 10_000;
    const HIGH: u128 = 20_000;
    storage.seed((0..3_000).map(|number| icp(MIDDLE + number).document())).await;
    // The writer inserts an ICP with a low ID, and then an ICP with a high ID. An export that does not read a single
    // snapshot could contain the second ICP without the first ICP.
    let writer = {
        let repository = storage.repository.second_instance();
        tokio::spawn(async move {
            for number in 0..100 {
                repository.insert_one(&icp(LOW + number).document()).await;
                repository.insert_one(&icp(HIGH + number).document()).await;
                sleep(Duration::from_millis(5)).await;
            }
        })
    };
    let mut sink = SlowSink::default();
    storage.importer.export(&mut sink).await.expect("export failed");
    writer.await.expect("the writer must not panic");
    // The first 44 bytes of a document are the name and the value of the property `id`.
    let starts: HashSet<_> = sink.texts.iter().filter_map(|text| text.get(..44)).collect();
    let is_exported = |number: u128| starts.contains(format!(r#"{{"id":"{}""#, id(number)).as_str());
    assert!(is_exported(MIDDLE), "the test expects that the ID is the first property of a document");
    for number in 0..100 {
        let [low, high] = [LOW, HIGH].map(|start| is_exported(start + number));
        assert!(low || !high, "an export with ICP {} must have ICP {}", HIGH + number, LOW + number);
    }
}
