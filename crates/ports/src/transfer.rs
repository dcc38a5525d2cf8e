use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use icp_domain::{IcpDocument, IcpId};

use crate::{BoxError, RepositoryError};

/// All ICPs, in and out, in memory that does not grow with their number.
#[async_trait]
pub trait IcpTransfer: Send + Sync {
    /// Takes in everything that `source` gives: all of it or, after any error, nothing.
    ///
    /// An implementation MUST leave nothing behind when the process ends in the middle, MUST not hold more than a few batches
    /// at once, and MUST treat a document whose id came earlier from the same source like one that was stored before.
    ///
    /// # Errors
    ///
    /// [`TransferError::Conflict`] for an id that is there already, under [`OnConflict::Fail`];
    /// [`TransferError::Source`] with what the source said; [`TransferError::Repository`] when the storage fails.
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
    ) -> Result<ImportSummary, TransferError>;

    /// Gives the text of every ICP to `sink`, in order of their ids, all as of one moment. Returns how many.
    ///
    /// # Errors
    ///
    /// [`TransferError::Source`] with what the sink said, and [`TransferError::Repository`] when the storage fails.
    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, TransferError>;
}

/// Where an import comes from.
#[async_trait]
pub trait ImportSource: Send {
    /// The next documents, at least one; `None` at the end.
    ///
    /// # Errors
    ///
    /// Whatever ends the import.
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError>;
}

/// Where an export goes.
#[async_trait]
pub trait ExportSink: Send {
    /// Takes the next documents: the canonical text of each, which has no line break.
    ///
    /// # Errors
    ///
    /// Whatever ends the export.
    async fn write_batch(&mut self, documents: Vec<String>) -> Result<(), BoxError>;
}

/// What an import does with an id that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It fails.
    #[default]
    Fail,
    /// It keeps what is there.
    Skip,
    /// It takes what comes.
    Replace,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// ICPs that were not there before.
    pub inserted: u64,
    /// ICPs that took the place of one.
    pub replaced: u64,
    /// ICPs that were left out.
    pub skipped: u64,
}

/// An import or export failed, and changed nothing.
#[derive(Debug)]
pub enum TransferError {
    /// An ICP with this id is there already.
    Conflict(IcpId),
    /// What was read from or written to failed.
    Source(BoxError),
    /// The storage failed.
    Repository(RepositoryError),
}

impl fmt::Display for TransferError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(id) => write!(formatter, "an ICP with the id {id} is there already"),
            Self::Source(error) => error.fmt(formatter),
            Self::Repository(error) => error.fmt(formatter),
        }
    }
}

impl Error for TransferError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Conflict(_) => None,
            Self::Source(error) => error.source(),
            Self::Repository(error) => error.source(),
        }
    }
}

impl From<RepositoryError> for TransferError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}
