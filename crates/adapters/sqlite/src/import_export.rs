use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Seek as _, Write as _};

use async_trait::async_trait;
use diesel::prelude::*;
use icp_domain::{Icp, IcpDocument, Rules};
use icp_ports::{
    ExportSink, ImportExport, ImportExportError, ImportSource, ImportSummary, OnConflict, RepositoryError,
};
use tokio::sync::mpsc;

use crate::connect::{Access, DatabaseFile};
use crate::database::{SqliteDatabase, blocking};
use crate::error::{Failure, backend};
use crate::schema::icps;
use crate::write;

/// Documents in a batch of an export. Each can have a few mebibytes.
const EXPORT_BATCH_SIZE: usize = 32;

#[async_trait]
impl ImportExport for SqliteDatabase {
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
    ) -> Result<ImportSummary, ImportExportError> {
        // The write lock is taken after the source has been read, so that a slow source does not block other writers. The
        // spool is next to the database, where there is space. It has no name, and disappears with the process.
        let folder = self.file.path.with_file_name("");
        let mut spool = BufWriter::new(tempfile::tempfile_in(folder).map_err(backend)?);
        while let Some(batch) = source.next_batch().await.map_err(ImportExportError::Stream)? {
            let append = move || {
                for document in batch {
                    writeln!(spool, "{}", document.json()).map_err(backend)?;
                }
                Ok(spool)
            };
            spool = blocking::<_, RepositoryError>(append).await?;
        }
        let file = self.file.clone();
        Ok(blocking(move || copy(spool, &file, on_conflict)).await?)
    }

    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, ImportExportError> {
        let (batches, mut receiver) = mpsc::channel(1);
        let file = self.file.clone();
        let reading = tokio::spawn(blocking(move || export(&file, &batches)));
        let mut count = 0;
        while let Some(batch) = receiver.recv().await {
            count += batch.len() as u64;
            sink.write_batch(batch).await.map_err(ImportExportError::Stream)?;
        }
        reading.await.map_err(backend)??;
        Ok(count)
    }
}

/// Stores the documents of a spool.
fn copy(spool: BufWriter<File>, file: &DatabaseFile, mode: OnConflict) -> Result<ImportSummary, Failure> {
    let mut spool = spool.into_inner().map_err(|error| backend(error.into_error()))?;
    spool.rewind().map_err(backend)?;
    file.connect(Access::Write)?.immediate_transaction(|connection| {
        let mut summary = ImportSummary::default();
        for line in BufReader::new(spool).lines() {
            let icp = Icp::from_json(&line.map_err(backend)?, Rules::Stored).map_err(backend)?;
            let document = IcpDocument::from(icp);
            let is_new = write::insert(connection, &document, None, None)?.is_some();
            match mode {
                _ if is_new => summary.inserted += 1,
                OnConflict::Fail => return Err(RepositoryError::AlreadyExists(document.id()).into()),
                OnConflict::Skip => summary.skipped += 1,
                OnConflict::Replace => {
                    let (creator, replaced) = write::remove(connection, document.id())?;
                    write::insert(connection, &document, creator.as_ref(), Some(replaced))?;
                    summary.replaced += 1;
                }
            }
        }
        file.check()?;
        Ok(summary)
    })
}

/// Reads all documents with one statement, and so as of one moment.
fn export(file: &DatabaseFile, batches: &mpsc::Sender<Vec<String>>) -> Result<(), Failure> {
    let mut connection = file.connect(Access::Read)?;
    let documents = icps::table.order(icps::id).select(icps::document);
    // Fused: SQLite starts a statement again if it is stepped after its end.
    let mut documents = documents.load_iter::<String, _>(&mut connection)?.fuse();
    loop {
        let batch = documents.by_ref().take(EXPORT_BATCH_SIZE).collect::<QueryResult<Vec<_>>>()?;
        // Nothing receives the batches after the sink has failed.
        if batch.is_empty() || batches.blocking_send(batch).is_err() {
            return Ok(());
        }
    }
}
