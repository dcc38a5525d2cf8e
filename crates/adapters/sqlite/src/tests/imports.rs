use std::sync::Arc;

use async_trait::async_trait;
use icp_domain::IcpDocument;
use icp_ports::{
    BoxError, IcpReader as _, IcpRepository as _, ImportExport as _, ImportExportError, ImportSource,
    ImportSummary, OnConflict, RepositoryError,
};
use icp_testkit::fixtures::any_creator;
use tokio::sync::Notify;

use super::{BatchSource, Fixture, everything, icp, id};

/// A source that waits before its second batch.
struct SlowSource {
    batches: BatchSource,
    is_waiting: Arc<Notify>,
    resume: Arc<Notify>,
}

#[async_trait]
impl ImportSource for SlowSource {
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError> {
        if self.batches.0.len() == 1 {
            self.is_waiting.notify_one();
            self.resume.notified().await;
        }
        self.batches.next_batch().await
    }
}

#[tokio::test]
async fn slow_source_does_not_block_writers() {
    let fixture = Fixture::new().await;
    let (is_waiting, resume) = <(Arc<Notify>, Arc<Notify>)>::default();
    let mut source = SlowSource {
        batches: BatchSource(vec![vec![icp(3)], vec![icp(2)]]),
        is_waiting: Arc::clone(&is_waiting),
        resume: Arc::clone(&resume),
    };
    let write = async {
        is_waiting.notified().await;
        let written = fixture.database.insert(&icp(1), any_creator(), None).await;
        resume.notify_one();
        written
    };
    let (imported, written) =
        tokio::join!(fixture.database.import(&mut source, OnConflict::Fail, false), write);
    written.expect("the ICP must be inserted while the source waits");
    assert_eq!(
        imported.expect("the import must succeed"),
        ImportSummary { inserted: 2, replaced: 0, skipped: 0 }
    );
    assert_eq!(
        fixture.database.list(&everything("user_ada")).await.expect("the list must be read").icps.len(),
        3
    );
}

#[tokio::test]
async fn failed_import_leaves_no_icps_or_files() {
    let fixture = Fixture::new().await;
    let mut source = BatchSource(vec![vec![icp(2), icp(1), icp(2)]]);
    let error = fixture
        .database
        .import(&mut source, OnConflict::Fail, false)
        .await
        .expect_err("an import with a duplicate ID must fail");
    let ImportExportError::Repository(RepositoryError::AlreadyExists(duplicate)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(duplicate, id(2));
    assert!(
        fixture.database.list(&everything("user_ada")).await.expect("the list must be read").icps.is_empty()
    );
    let mut names: Vec<_> = std::fs::read_dir(&fixture.folder)
        .expect("the folder must be readable")
        .map(|entry| entry.expect("the folder entry must be readable").file_name())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["icp.sqlite3", "icp.sqlite3-shm", "icp.sqlite3-wal"]);
}
