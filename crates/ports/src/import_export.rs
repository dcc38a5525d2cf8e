use async_trait::async_trait;
use icp_domain::IcpDocument;

use crate::{BoxError, RepositoryError};

/// Imports and exports every ICP of a storage: for the commands that do so. Memory MUST NOT grow with the number of ICPs.
#[async_trait]
pub trait ImportExport: Send + Sync {
    /// Stores every document of `source`, or none after any error.
    ///
    /// It MUST leave nothing behind when the process ends in the middle, and MUST treat a document whose ID came earlier from
    /// the same source like one that was stored before. While the source is slow, it SHOULD NOT keep other writers waiting.
    ///
    /// A document that replaces another one is a change, whose author is [`icp_domain::Author::import`]. Its history keeps the
    /// replaced state if `keeps_replaced` is true. States that the same source replaces MAY be left out.
    ///
    /// # Errors
    ///
    /// The errors of `source` and of the storage: [`RepositoryError::AlreadyExists`] with [`OnConflict::Fail`].
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
        keeps_replaced: bool,
    ) -> Result<ImportSummary, ImportExportError>;

    /// Writes the text of every ICP to `sink`, in order of their IDs, as of one moment. Returns their number.
    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, ImportExportError>;
}

/// Where an import reads from.
#[async_trait]
pub trait ImportSource: Send {
    /// Returns the next documents, at least one, or `None` at the end. An error ends the import.
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError>;
}

/// Where an export writes to.
#[async_trait]
pub trait ExportSink: Send {
    /// Writes the next documents: the canonical text of each, which has no line break. An error ends the export.
    async fn write_batch(&mut self, documents: Vec<String>) -> Result<(), BoxError>;
}

/// What an import does with an ID that is stored already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It fails.
    #[default]
    Fail,
    /// It keeps the stored ICP.
    Skip,
    /// It replaces the stored ICP.
    Replace,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// New ICPs.
    pub inserted: u64,
    /// ICPs that replaced a stored one.
    pub replaced: u64,
    /// ICPs that were not stored.
    pub skipped: u64,
}

/// An import or export failed, and changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum ImportExportError {
    /// The source or the sink failed.
    #[error(transparent)]
    Stream(BoxError),
    /// The storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}
