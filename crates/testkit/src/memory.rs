//! A database in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use icp_domain::{IcpDocument, IcpId, ListScope, WireList};
use icp_ports::{
    ExportSink, Health, HealthCheck, IcpRepository, IcpTransfer, ImportSource, ImportSummary,
    MigrationReport, OnConflict, RepositoryError, Schema, SchemaError, TransferError,
};

type Icps = BTreeMap<IcpId, IcpDocument>;

/// All ports of a storage, in memory. Clones share what they hold.
#[derive(Clone, Debug, Default)]
pub struct InMemoryDatabase(Arc<RwLock<Icps>>);

impl InMemoryDatabase {
    fn read<T>(&self, read: impl FnOnce(&Icps) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl IcpRepository for InMemoryDatabase {
    async fn list(&self, scope: &ListScope) -> Result<WireList, RepositoryError> {
        Ok(self.read(|icps| {
            let mut visible: Vec<_> = icps.values().filter(|icp| scope.includes(icp.members())).collect();
            visible.sort_by_key(|icp| icp.position());
            visible.into_iter().map(IcpDocument::json).collect()
        }))
    }
}

#[async_trait]
impl HealthCheck for InMemoryDatabase {
    async fn health(&self) -> Health {
        Health::Ok
    }
}

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
        let mut icps = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (imported, summary) = merge(icps.clone(), all, on_conflict)?;
        *icps = imported;
        Ok(summary)
    }

    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, TransferError> {
        let documents: Vec<_> = self.read(|icps| icps.values().map(|icp| icp.json().to_owned()).collect());
        let count = documents.len() as u64;
        sink.write_batch(documents).await.map_err(TransferError::Source)?;
        Ok(count)
    }
}

fn merge(
    mut icps: Icps,
    documents: Vec<IcpDocument>,
    on_conflict: OnConflict,
) -> Result<(Icps, ImportSummary), TransferError> {
    let mut summary = ImportSummary::default();
    for document in documents {
        let id = document.id();
        match (icps.contains_key(&id), on_conflict) {
            (false, _) => summary.inserted += 1,
            (true, OnConflict::Replace) => summary.replaced += 1,
            (true, OnConflict::Fail) => return Err(TransferError::Conflict(id)),
            (true, OnConflict::Skip) => {
                summary.skipped += 1;
                continue;
            }
        }
        icps.insert(id, document);
    }
    Ok((icps, summary))
}

#[async_trait]
impl Schema for InMemoryDatabase {
    async fn pending(&self) -> Result<Vec<String>, SchemaError> {
        Ok(Vec::new())
    }

    async fn migrate(&self) -> Result<MigrationReport, SchemaError> {
        Ok(MigrationReport::default())
    }
}
