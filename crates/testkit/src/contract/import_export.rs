//! The contract of [`ImportExport`].

mod exports;
mod imports;
mod streams;

use std::sync::Arc;

use icp_domain::IcpDocument;
use icp_ports::{IcpRepository, ImportExport, ImportExportError, ImportSummary, OnConflict};
use libtest_mimic::Trial;

use super::Subject;
use super::repository::support::TestRepository;
use super::trial::trials;
use streams::CollectingSink;
pub(super) use streams::TestSource;

/// The suite of [`ImportExport`]. It fills the storage with [`ImportExport::import`] and [`IcpRepository::insert`].
///
/// `make` returns an adapter on a fresh, empty storage, to which all migrations have been applied.
pub fn import_export<R: IcpRepository + ImportExport + 'static>(
    name: &str,
    make: impl AsyncFn() -> Subject<R> + Clone + Send + 'static,
) -> Vec<Trial> {
    trials![
        name, make, |subject| TestStorage::from(subject);
        imports::failed_source_imports_nothing,
        imports::dropped_import_leaves_no_icps,
        imports::import_keeps_concurrent_writes,
        imports::existing_id_fails_import,
        imports::repeated_id_in_source_fails_import,
        imports::skip_keeps_stored_icps,
        imports::replace_changes_documents_and_access,
        imports::replace_stores_last_of_repeated_ids,
        imports::every_import_gives_new_version,
        imports::version_grows_after_delete_and_import,
        imports::import_changes_list_version,
        imports::empty_source_imports_nothing,
        imports::documents_of_all_sizes_are_imported_and_exported,
        imports::concurrent_changes_and_imports_leave_icp_consistent,
        exports::export_returns_documents_in_id_order,
        exports::export_contains_inserted_and_changed_icps,
        exports::failed_sink_fails_export,
        exports::export_reads_one_snapshot,
    ]
}

/// The ports of a subject. All clones use the same storage.
#[derive(Clone)]
struct TestStorage {
    // This field must be dropped before the repository, which owns the storage.
    importer: Arc<dyn ImportExport>,
    repository: TestRepository,
}

impl<R: IcpRepository + ImportExport + 'static> From<Subject<R>> for TestStorage {
    fn from(subject: Subject<R>) -> Self {
        let importer = subject.first.clone();
        Self { importer, repository: subject.into() }
    }
}

impl TestStorage {
    async fn import(
        &self,
        documents: impl IntoIterator<Item = IcpDocument>,
        on_conflict: OnConflict,
    ) -> Result<ImportSummary, ImportExportError> {
        self.importer.import(&mut TestSource::of(documents), on_conflict, false).await
    }

    /// Imports documents whose IDs do not exist yet.
    async fn seed(&self, documents: impl IntoIterator<Item = IcpDocument>) {
        self.import(documents, OnConflict::Fail).await.expect("import failed");
    }

    /// Exports all ICPs.
    async fn export(&self) -> Vec<String> {
        let mut sink = CollectingSink::default();
        let count = self.importer.export(&mut sink).await.expect("export failed");
        assert_eq!(count, sink.0.len() as u64, "export must return the number of ICPs");
        sink.0
    }
}
