use std::sync::PoisonError;

use async_trait::async_trait;
use icp_domain::IcpDocument;
use icp_ports::{ExportSink, IcpTransfer, ImportSource, ImportSummary, OnConflict, TransferError};

use super::{InMemoryDatabase, State};

#[async_trait]
impl IcpTransfer for InMemoryDatabase {
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
    ) -> Result<ImportSummary, TransferError> {
        let mut all = Vec::new();
        while let Some(batch) = source.next_batch().await.map_err(TransferError::Source)? {
            all.extend(batch);
        }
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut imported = state.clone();
        let summary = imported.merge(all, on_conflict)?;
        *state = imported;
        Ok(summary)
    }

    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, TransferError> {
        let documents: Vec<_> =
            self.read(|state| state.icps.values().map(|(document, _)| document.json().to_owned()).collect());
        let count = documents.len() as u64;
        sink.write_batch(documents).await.map_err(TransferError::Source)?;
        Ok(count)
    }
}

impl State {
    fn merge(
        &mut self,
        documents: Vec<IcpDocument>,
        on_conflict: OnConflict,
    ) -> Result<ImportSummary, TransferError> {
        let mut summary = ImportSummary::default();
        for document in documents {
            let id = document.id();
            match (self.icps.contains_key(&id), on_conflict) {
                (false, _) => summary.inserted += 1,
                (true, OnConflict::Replace) => summary.replaced += 1,
                (true, OnConflict::Fail) => return Err(TransferError::Conflict(id)),
                (true, OnConflict::Skip) => {
                    summary.skipped += 1;
                    continue;
                }
            }
            self.put(document);
        }
        Ok(summary)
    }
}
