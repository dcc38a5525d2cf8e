use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use icp_domain::IcpDocument;
use icp_ports::{BoxError, ExportSink, ImportExportError};
use tokio::time::sleep;

use super::TestStorage;
use super::streams::Full;
use crate::fixtures::{icp, id};

pub(super) async fn writes_imported_texts_in_order_of_ids(storage: TestStorage) {
    let documents: Vec<_> =
        (1..=1_300).map(|number| icp(number).with("name", "\n\u{2028}").document()).collect();
    storage.seed(documents.iter().rev().cloned()).await;
    let exported = storage.export().await;
    assert!(exported.iter().eq(documents.iter().map(IcpDocument::json)), "the same texts, in order");
    assert!(!exported.iter().any(|line| line.contains('\n')), "each text is one line");
}

pub(super) async fn writes_inserted_and_changed_icps(storage: TestStorage) {
    let (before, after) = (icp(1).document(), icp(1).with("name", "after").document());
    let version = storage.repository.insert_one(&before).await;
    assert_eq!(storage.export().await, [before.json()]);
    let changed = storage.repository.change(&before, &after, version).await.expect("at that version");
    assert_eq!(storage.export().await, [after.json()]);
    assert!(storage.repository.remove(1, changed).await);
    assert!(storage.export().await.is_empty());
}

pub(super) async fn failed_sink_fails_export(storage: TestStorage) {
    storage.seed((1..=2_000).map(|number| icp(number).document())).await;
    let result = storage.first.export(&mut Full).await;
    assert!(matches!(&result, Err(ImportExportError::Stream(error)) if error.to_string() == "no space left"));
    assert_eq!(storage.export().await.len(), 2_000, "the next export works");
}

/// A sink that takes some time for its first batches.
#[derive(Default)]
struct Slow {
    batches: u32,
    texts: Vec<String>,
}

#[async_trait]
impl ExportSink for Slow {
    async fn write_batch(&mut self, documents: Vec<String>) -> Result<(), BoxError> {
        if self.batches < 10 {
            sleep(Duration::from_millis(100)).await;
        }
        self.batches += 1;
        self.texts.extend(documents);
        Ok(())
    }
}

pub(super) async fn shows_storage_as_of_one_moment(storage: TestStorage) {
    const LOW: u128 = 1;
    const MIDDLE: u128 = 10_000;
    const HIGH: u128 = 20_000;
    storage.seed((0..3_000).map(|number| icp(MIDDLE + number).document())).await;
    // Inserts an ICP with a low ID, then one with a high ID. An export without a snapshot would miss only the low one.
    let writer = {
        let repository = storage.repository.second();
        tokio::spawn(async move {
            for number in 0..100 {
                repository.insert_one(&icp(LOW + number).document()).await;
                repository.insert_one(&icp(HIGH + number).document()).await;
                sleep(Duration::from_millis(5)).await;
            }
        })
    };
    let mut sink = Slow::default();
    storage.first.export(&mut sink).await.expect("export failed");
    writer.await.expect("the writer panicked");
    let starts: HashSet<_> = sink.texts.iter().filter_map(|text| text.get(..44)).collect();
    let is_exported = |number: u128| starts.contains(format!(r#"{{"id":"{}""#, id(number)).as_str());
    assert!(is_exported(MIDDLE), "the ID is the first property of a text");
    for number in 0..100 {
        let [low, high] = [LOW, HIGH].map(|start| is_exported(start + number));
        assert!(low || !high, "the export contains a later ICP and not the one inserted before it");
    }
}
