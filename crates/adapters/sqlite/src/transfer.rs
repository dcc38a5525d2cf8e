use async_trait::async_trait;
use diesel::{QueryDsl as _, QueryResult, RunQueryDsl as _, SqliteConnection};
use icp_domain::IcpDocument;
use icp_ports::{
    ExportSink, IcpTransfer, ImportSource, ImportSummary, OnConflict, RepositoryError, TransferError,
};
use tokio::sync::mpsc;

use crate::connections;
use crate::database::SqliteDatabase;
use crate::error::{not_opened, query_failed, task_failed};
use crate::rows;
use crate::schema::icps;

/// Documents of an export that are read at once.
const EXPORT_BATCH: usize = 500;

#[async_trait]
impl IcpTransfer for SqliteDatabase {
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
    ) -> Result<ImportSummary, TransferError> {
        let (sender, receiver) = mpsc::channel(1);
        let path = self.path.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let mut connection = connections::open(&path).map_err(not_opened)?;
            connection.immediate_transaction(|connection| write_batches(connection, receiver, on_conflict))
        });
        // Whatever ends this function early drops the sender, and so rolls back.
        while let Some(batch) = source.next_batch().await.map_err(TransferError::Source)? {
            if sender.send(Step::Batch(batch)).await.is_err() {
                break; // The writing failed, and says why.
            }
        }
        let _ = sender.send(Step::Commit).await;
        writing.await.map_err(task_failed)?.map_err(Failure::into_transfer_error)
    }

    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, TransferError> {
        let (sender, mut receiver) = mpsc::channel(1);
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let mut connection = connections::open(&path).map_err(not_opened)?;
            read_batches(&mut connection, &sender).map_err(query_failed)
        });
        let mut count = 0;
        while let Some(batch) = receiver.recv().await {
            count += batch.len() as u64;
            sink.write_batch(batch).await.map_err(TransferError::Source)?;
        }
        reading.await.map_err(task_failed)??;
        Ok(count)
    }
}

enum Step {
    Batch(Vec<IcpDocument>),
    Commit,
}

/// Why the writing was rolled back.
enum Failure {
    Conflict(icp_domain::IcpId),
    Repository(RepositoryError),
}

impl Failure {
    fn into_transfer_error(self) -> TransferError {
        match self {
            Self::Conflict(id) => TransferError::Conflict(id),
            Self::Repository(error) => TransferError::Repository(error),
        }
    }
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Repository(query_failed(error))
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

fn write_batches(
    connection: &mut SqliteConnection,
    mut steps: mpsc::Receiver<Step>,
    on_conflict: OnConflict,
) -> Result<ImportSummary, Failure> {
    let mut summary = ImportSummary::default();
    loop {
        match steps.blocking_recv() {
            Some(Step::Batch(documents)) => {
                for document in &documents {
                    write(connection, document, on_conflict, &mut summary)?;
                }
            }
            Some(Step::Commit) => return Ok(summary),
            None => return Err(diesel::result::Error::RollbackTransaction.into()),
        }
    }
}

fn write(
    connection: &mut SqliteConnection,
    document: &IcpDocument,
    on_conflict: OnConflict,
    summary: &mut ImportSummary,
) -> Result<(), Failure> {
    if rows::insert(connection, document)?.is_some() {
        summary.inserted += 1;
        return Ok(());
    }
    match on_conflict {
        OnConflict::Fail => return Err(Failure::Conflict(document.id())),
        OnConflict::Skip => summary.skipped += 1,
        OnConflict::Replace => {
            let row = rows::replace(connection, document)?;
            rows::delete_all_members(connection, row.number)?;
            rows::insert_members(connection, row.number, document, document.members())?;
            summary.replaced += 1;
        }
    }
    Ok(())
}

/// One statement, and so one snapshot.
fn read_batches(connection: &mut SqliteConnection, sender: &mpsc::Sender<Vec<String>>) -> QueryResult<()> {
    let rows = icps::table.order(icps::id).select(icps::document).load_iter::<String, _>(connection)?;
    // SQLite starts a statement again that is asked for more after its end.
    let mut rows = rows.fuse();
    loop {
        let batch = rows.by_ref().take(EXPORT_BATCH).collect::<QueryResult<Vec<_>>>()?;
        // Nobody listens any more when the sink has failed.
        if batch.is_empty() || sender.blocking_send(batch).is_err() {
            return Ok(());
        }
    }
}
