use std::sync::PoisonError;

use async_trait::async_trait;
use icp_domain::{Author, ChangedFields, IcpDocument, Operation};
use icp_ports::{
    Clock as _, ExportSink, ImportExport, ImportExportError, ImportSource, ImportSummary, OnConflict,
    RepositoryError, Stamp, SystemClock,
};

use super::{InMemoryDatabase, State};

/// Maximum number of documents that an export passes to its sink at once.
const EXPORT_BATCH_SIZE: usize = 500;

#[async_trait]
impl ImportExport for InMemoryDatabase {
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
        keeps_replaced: bool,
    ) -> Result<ImportSummary, ImportExportError> {
        let mut documents = Vec::new();
        while let Some(batch) = source.next_batch().await.map_err(ImportExportError::Stream)? {
            documents.extend(batch);
        }
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut imported = state.clone();
        let summary = imported.import(documents, on_conflict, keeps_replaced)?;
        *state = imported;
        Ok(summary)
    }

    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, ImportExportError> {
        let documents: Vec<_> =
            self.read(|state| state.icps.values().map(|(document, _)| document.json().to_owned()).collect());
        for batch in documents.chunks(EXPORT_BATCH_SIZE) {
            sink.write_batch(batch.to_vec()).await.map_err(ImportExportError::Stream)?;
        }
        Ok(documents.len() as u64)
    }
}

impl State {
    fn import(
        &mut self,
        documents: Vec<IcpDocument>,
        on_conflict: OnConflict,
        keeps_replaced: bool,
    ) -> Result<ImportSummary, RepositoryError> {
        let stamp = Stamp { at: SystemClock.now(), author: Author::import(), keeps_replaced };
        let mut summary = ImportSummary::default();
        for document in documents {
            let id = document.id();
            match (self.icps.contains_key(&id), on_conflict) {
                (false, _) => summary.inserted += 1,
                (true, OnConflict::Replace) => summary.replaced += 1,
                (true, OnConflict::Fail) => return Err(RepositoryError::AlreadyExists(id)),
                (true, OnConflict::Skip) => {
                    summary.skipped += 1;
                    continue;
                }
            }
            let (operation, changed) = match self.icps.get(&id) {
                Some((before, _)) => (Operation::Update, changed_fields(before, &document)?),
                None => (Operation::Create, ChangedFields::default()),
            };
            self.store_replaced(id, &stamp);
            self.record(id, &stamp, operation, &changed);
            self.put(document);
        }
        Ok(summary)
    }
}

fn changed_fields(before: &IcpDocument, after: &IcpDocument) -> Result<ChangedFields, RepositoryError> {
    let icp =
        |document: &IcpDocument| document.to_icp().map_err(|error| RepositoryError::Backend(error.into()));
    Ok(icp(before)?.changed_fields(&icp(after)?))
}
