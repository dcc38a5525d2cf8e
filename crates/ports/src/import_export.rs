use async_trait::async_trait;
use icp_domain::IcpDocument;

use crate::{BoxError, RepositoryError};

/// Imports ICPs into a storage, and exports all ICPs of a storage, for `icp import` and `icp export`. Memory MUST NOT
/// grow with the number of ICPs.
#[async_trait]
pub trait ImportExport: Send + Sync {
    /// Stores the documents of `source`, except documents that [`OnConflict::Skip`] skips. After an error, no document
    /// is stored, with the exception that [`ImportExportError`] names.
    ///
    /// An implementation MUST store nothing if the process ends before the import is complete. If an ID is repeated in
    /// the source, it MUST treat the ID like one that is already stored. It MUST NOT undo writes to other ICPs that
    /// succeeded during the import. A slow source SHOULD NOT delay other writers.
    ///
    /// A document that replaces a stored ICP is a change by [`icp_domain::Author::import`] at the time of the import,
    /// which the implementation reads from its clock. The ICP keeps its creator. The history stores the replaced state
    /// if `keeps_replaced` is true. The history MAY omit a state that a later document of the same source replaces, and
    /// a document that equals the stored one MAY change nothing.
    ///
    /// # Errors
    ///
    /// - [`ImportExportError::Stream`] if `source` fails.
    /// - [`RepositoryError::AlreadyExists`] if an ID is already stored or is repeated in `source`, with
    ///   [`OnConflict::Fail`].
    /// - The errors of [`crate::IcpReader`] if the storage fails.
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
        keeps_replaced: bool,
    ) -> Result<ImportSummary, ImportExportError>;

    /// Writes the text of every ICP to `sink`, ordered by ID, from one snapshot. Returns the number of ICPs.
    ///
    /// # Errors
    ///
    /// - [`ImportExportError::Stream`] if `sink` fails.
    /// - The errors of [`crate::IcpReader`] if the storage fails.
    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, ImportExportError>;
}

/// The source of an import.
#[async_trait]
pub trait ImportSource: Send {
    /// Returns at least one further document, or `None` at the end. An error ends the import.
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError>;
}

/// The sink of an export.
#[async_trait]
pub trait ExportSink: Send {
    /// Writes the canonical texts of further documents, which contain no line breaks. An error ends the export.
    async fn write_batch(&mut self, documents: Vec<String>) -> Result<(), BoxError>;
}

/// The action of an import if the ID of a document is already stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The import fails.
    #[default]
    Fail,
    /// The import skips the document.
    Skip,
    /// The import replaces the stored ICP.
    Replace,
}

/// The result of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// The number of new ICPs.
    pub inserted: u64,
    /// The number of documents that replaced a stored ICP.
    pub replaced: u64,
    /// The number of documents that were skipped.
    pub skipped: u64,
}

/// The reason why an import or export failed. The storage is unchanged, with one exception: if the storage became
/// unavailable at the end of an import, the import may have been stored.
#[derive(Debug, thiserror::Error)]
pub enum ImportExportError {
    /// The source or the sink failed.
    #[error(transparent)]
    Stream(BoxError),
    /// The storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}
