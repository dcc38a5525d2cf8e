use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Seek as _, Write as _};

use async_trait::async_trait;
use diesel::prelude::*;
use icp_domain::{Author, ChangedFields, Icp, IcpDocument, Operation, Rules};
use icp_ports::{
    Clock as _, ExportSink, ImportExport, ImportExportError, ImportSource, ImportSummary, OnConflict,
    RepositoryError, Stamp, SystemClock, Version,
};
use tokio::sync::mpsc;

use crate::connect::{Access, DatabaseFile};
use crate::database::{SqliteDatabase, blocking};
use crate::error::{Failure, backend};
use crate::revision;
use crate::schema::icps;
use crate::write::{self, Entry, Predecessor};

/// Documents in a batch of an export. Each can have a few mebibytes.
const EXPORT_BATCH_SIZE: usize = 32;

#[async_trait]
impl ImportExport for SqliteDatabase {
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
        keeps_replaced: bool,
    ) -> Result<ImportSummary, ImportExportError> {
        // The write lock is acquired after the source has been read, so that a slow source does not block other writers. The
        // temporary file is in the folder of the database. It has no name, so it is removed when the process ends.
        let folder = self.file.path.with_file_name("");
        let mut temporary = BufWriter::new(tempfile::tempfile_in(folder).map_err(backend)?);
        while let Some(batch) = source.next_batch().await.map_err(ImportExportError::Stream)? {
            let append = move || {
                for document in batch {
                    writeln!(temporary, "{}", document.json()).map_err(backend)?;
                }
                Ok(temporary)
            };
            temporary = blocking::<_, RepositoryError>(append).await?;
        }
        let file = self.file.clone();
        let stamp = Stamp { at: SystemClock.now(), author: Author::import(), keeps_replaced };
        Ok(blocking(move || copy(temporary, &file, on_conflict, &stamp)).await?)
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

/// Stores the documents of the temporary file.
fn copy(
    temporary: BufWriter<File>,
    file: &DatabaseFile,
    mode: OnConflict,
    stamp: &Stamp,
) -> Result<ImportSummary, Failure> {
    let mut temporary = temporary.into_inner().map_err(|error| backend(error.into_error()))?;
    temporary.rewind().map_err(backend)?;
    file.connect(Access::Write)?.immediate_transaction(|connection| {
        let mut summary = ImportSummary::default();
        for line in BufReader::new(temporary).lines() {
            let icp = Icp::from_json(&line.map_err(backend)?, Rules::Stored).map_err(backend)?;
            let document = IcpDocument::from(icp);
            let is_new = insert(connection, &document, stamp)?;
            match mode {
                _ if is_new => summary.inserted += 1,
                OnConflict::Fail => return Err(RepositoryError::AlreadyExists(document.id()).into()),
                OnConflict::Skip => summary.skipped += 1,
                OnConflict::Replace => {
                    replace(connection, &document, stamp)?;
                    summary.replaced += 1;
                }
            }
        }
        file.check()?;
        Ok(summary)
    })
}

/// Inserts an ICP. Returns false, and changes nothing, if its ID is stored already.
fn insert(connection: &mut SqliteConnection, document: &IcpDocument, stamp: &Stamp) -> Result<bool, Failure> {
    let entry = Entry { stamp, operation: Operation::Create, changed: &ChangedFields::default() };
    let is_new = write::insert(connection, document, &Predecessor::default(), entry)?.is_some();
    if is_new && let Some(bytes) = revision::end_delete(connection, document.id())? {
        let inserted = icps::table.filter(icps::id.eq(document.id().as_uuid().into_bytes()));
        diesel::update(inserted).set(icps::history_bytes.eq(bytes)).execute(connection)?;
    }
    Ok(is_new)
}

/// Replaces an ICP, which must exist.
fn replace(connection: &mut SqliteConnection, document: &IcpDocument, stamp: &Stamp) -> Result<(), Failure> {
    let stored = icps::table.filter(icps::id.eq(document.id().as_uuid().into_bytes()));
    let before = stored.select(icps::document).get_result::<String>(connection)?;
    let icp = |text: &str| Icp::from_json(text, Rules::Stored).map_err(backend);
    let changed = icp(&before)?.changed_fields(&icp(document.json())?);
    let version = stored.select(icps::version).get_result(connection).map(Version)?;
    let kept_bytes = revision::keep(connection, document.id(), version, stamp)?;
    let mut predecessor = write::remove(connection, document.id())?;
    predecessor.history_bytes += kept_bytes;
    let entry = Entry { stamp, operation: Operation::Update, changed: &changed };
    write::insert(connection, document, &predecessor, entry)?;
    Ok(())
}

/// Reads all documents with one statement, and so from one snapshot.
fn export(file: &DatabaseFile, batches: &mpsc::Sender<Vec<String>>) -> Result<(), Failure> {
    let mut connection = file.connect(Access::Read)?;
    let documents = icps::table.order(icps::id).select(icps::document);
    // The iterator must be fused, because SQLite restarts a statement that is stepped after its end.
    let mut documents = documents.load_iter::<String, _>(&mut connection)?.fuse();
    loop {
        let batch = documents.by_ref().take(EXPORT_BATCH_SIZE).collect::<QueryResult<Vec<_>>>()?;
        // Nothing receives the batches after the sink has failed.
        if batch.is_empty() || batches.blocking_send(batch).is_err() {
            return Ok(());
        }
    }
}
