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
use crate::database::{SqliteDatabase, run_blocking};
use crate::error::{TransactionError, backend};
use crate::revision;
use crate::schema::icps;
use crate::write::{self, Entry, RowOrigin};

/// Maximum number of documents in a batch of an export. It is small because a document can have 2 MiB, or 16 MiB if it
/// was imported.
const EXPORT_BATCH_SIZE: usize = 32;

#[async_trait]
impl ImportExport for SqliteDatabase {
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
        keeps_replaced: bool,
    ) -> Result<ImportSummary, ImportExportError> {
        // The source is first copied to a temporary file, and the write lock is acquired after that. So a slow source
        // does not block other writes. The temporary file is in the folder of the database. It has no name, so that
        // the operating system removes it when the process ends.
        let folder = self.file.path.with_file_name("");
        let mut temporary = BufWriter::new(tempfile::tempfile_in(folder).map_err(backend)?);
        while let Some(batch) = source.next_batch().await.map_err(ImportExportError::Stream)? {
            let append = move || {
                for document in batch {
                    writeln!(temporary, "{}", document.json()).map_err(backend)?;
                }
                Ok(temporary)
            };
            temporary = run_blocking::<_, RepositoryError>(append).await?;
        }
        let file = self.file.clone();
        let stamp = Stamp { at: SystemClock.now(), author: Author::import(), keeps_replaced };
        Ok(run_blocking(move || import_file(temporary, &file, on_conflict, &stamp)).await?)
    }

    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, ImportExportError> {
        let (batches, mut receiver) = mpsc::channel(1);
        let file = self.file.clone();
        let reading = tokio::spawn(run_blocking(move || send_documents(&file, &batches)));
        let mut count = 0;
        while let Some(batch) = receiver.recv().await {
            count += batch.len() as u64;
            sink.write_batch(batch).await.map_err(ImportExportError::Stream)?;
        }
        reading.await.map_err(backend)??;
        Ok(count)
    }
}

/// Stores the documents of the temporary file in one transaction.
fn import_file(
    temporary: BufWriter<File>,
    file: &DatabaseFile,
    on_conflict: OnConflict,
    stamp: &Stamp,
) -> Result<ImportSummary, TransactionError> {
    let mut temporary = temporary.into_inner().map_err(|error| backend(error.into_error()))?;
    temporary.rewind().map_err(backend)?;
    file.connect(Access::Write)?.immediate_transaction(|connection| {
        let mut summary = ImportSummary::default();
        for line in BufReader::new(temporary).lines() {
            let icp = Icp::from_json(&line.map_err(backend)?, Rules::Stored).map_err(backend)?;
            let document = IcpDocument::from(icp);
            let is_new = insert(connection, &document, stamp)?;
            match on_conflict {
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

/// Inserts an ICP. If an ICP with this ID exists, returns false and changes nothing.
fn insert(
    connection: &mut SqliteConnection,
    document: &IcpDocument,
    stamp: &Stamp,
) -> Result<bool, TransactionError> {
    let entry = Entry { stamp, operation: Operation::Create, changed: &ChangedFields::default() };
    let is_new = write::insert(connection, document, &RowOrigin::default(), entry)?.is_some();
    if is_new && let Some(bytes) = revision::end_delete(connection, document.id())? {
        let inserted = icps::table.filter(icps::id.eq(document.id().as_uuid().into_bytes()));
        diesel::update(inserted).set(icps::history_bytes.eq(bytes)).execute(connection)?;
    }
    Ok(is_new)
}

/// Replaces an ICP, which must exist.
fn replace(
    connection: &mut SqliteConnection,
    document: &IcpDocument,
    stamp: &Stamp,
) -> Result<(), TransactionError> {
    let stored = icps::table.filter(icps::id.eq(document.id().as_uuid().into_bytes()));
    let before = stored.select(icps::document).get_result::<String>(connection)?;
    let icp = |text: &str| Icp::from_json(text, Rules::Stored).map_err(backend);
    let changed = icp(&before)?.changed_fields(&icp(document.json())?);
    let version = stored.select(icps::version).get_result(connection).map(Version)?;
    let kept_bytes = revision::store_replaced(connection, document.id(), version, stamp)?;
    let mut origin = write::remove_for_import(connection, document.id())?;
    origin.history_bytes += kept_bytes;
    let entry = Entry { stamp, operation: Operation::Update, changed: &changed };
    write::insert(connection, document, &origin, entry)?;
    Ok(())
}

/// Sends all documents in batches. One statement reads them, so that they are from one snapshot.
fn send_documents(file: &DatabaseFile, batches: &mpsc::Sender<Vec<String>>) -> Result<(), TransactionError> {
    let mut connection = file.connect(Access::Read)?;
    let documents = icps::table.order(icps::id).select(icps::document);
    // The iterator must be fused, because SQLite restarts a statement that is stepped after its end.
    let mut documents = documents.load_iter::<String, _>(&mut connection)?.fuse();
    loop {
        let batch = documents.by_ref().take(EXPORT_BATCH_SIZE).collect::<QueryResult<Vec<_>>>()?;
        // `blocking_send` fails after the sink has failed, because the receiver was dropped.
        if batch.is_empty() || batches.blocking_send(batch).is_err() {
            return Ok(());
        }
    }
}
