//! The suite of `ImportExport` fails for an adapter that imports in several transactions.

use async_trait::async_trait;
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId};
use icp_ports::{
    BoxError, Creation, Creator, ExportSink, Health, HealthCheck, IcpHistory, IcpList, IcpReader,
    IcpRepository, IdempotencyKey, ImportExport, ImportExportError, ImportSource, ImportSummary, ListQuery,
    Lookup, OnConflict, Quota, Replacement, RepositoryError, Stamp, StoredIcp, Version,
};
use icp_testkit::contract::{self, Subject};
use icp_testkit::memory::InMemoryDatabase;

use crate::trials::assert_fail;

/// A repository that imports each batch in its own transaction.
#[derive(Default)]
struct BatchImporter(InMemoryDatabase);

/// A source of one batch.
struct SingleBatch(Option<Vec<IcpDocument>>);

#[async_trait]
impl ImportSource for SingleBatch {
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError> {
        Ok(self.0.take())
    }
}

#[async_trait]
impl ImportExport for BatchImporter {
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
        keeps_replaced: bool,
    ) -> Result<ImportSummary, ImportExportError> {
        let mut sum = ImportSummary::default();
        while let Some(batch) = source.next_batch().await.map_err(ImportExportError::Stream)? {
            let summary = self.0.import(&mut SingleBatch(Some(batch)), on_conflict, keeps_replaced).await?;
            sum.inserted += summary.inserted;
            sum.replaced += summary.replaced;
            sum.skipped += summary.skipped;
        }
        Ok(sum)
    }

    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, ImportExportError> {
        self.0.export(sink).await
    }
}

#[async_trait]
impl IcpReader for BatchImporter {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        self.0.list(query).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.0.get(id, scope).await
    }
}

#[async_trait]
impl IcpRepository for BatchImporter {
    async fn insert(
        &self,
        document: &IcpDocument,
        creator: &Creator,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        self.0.insert(document, creator, key).await
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        self.0.replace(change, expected, quota, stamp).await
    }

    async fn delete(&self, id: IcpId, expected: Version, stamp: &Stamp) -> Result<bool, RepositoryError> {
        self.0.delete(id, expected, stamp).await
    }
}

impl IcpHistory for BatchImporter {}

#[async_trait]
impl HealthCheck for BatchImporter {
    async fn health(&self) -> Health {
        self.0.health().await
    }
}

#[test]
fn suite_detects_partial_imports() {
    let trials = contract::import_export("defect", async || Subject::new(BatchImporter::default()));
    let cases = [
        "imports::failed_source_imports_nothing",
        "imports::dropped_import_leaves_no_icps",
        "imports::existing_id_fails_import",
        "imports::repeated_id_in_source_fails_import",
    ];
    assert_fail(trials, &cases);
}
