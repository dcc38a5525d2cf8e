use std::error::Error;
use std::fmt;

use async_trait::async_trait;

use crate::RepositoryError;

/// The shape of an adapter's storage.
#[async_trait]
pub trait Schema: Send + Sync {
    /// The names of the migrations that have not been applied, in their order.
    ///
    /// # Errors
    ///
    /// [`SchemaError::Newer`] when the storage has migrations that this version does not know, and
    /// [`SchemaError::Repository`] when it cannot be read.
    async fn pending(&self) -> Result<Vec<String>, SchemaError>;

    /// Applies the migrations that are pending.
    ///
    /// An implementation MUST apply all or none, and MUST be safe to call from several processes at once: each
    /// migration is applied by one of them, and all return when it has been.
    ///
    /// # Errors
    ///
    /// As [`Schema::pending`]; a storage of a newer version is left as it is.
    async fn migrate(&self) -> Result<MigrationReport, SchemaError>;
}

/// What a migration did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// The names of the migrations that were applied, in their order.
    pub applied: Vec<String>,
    /// Whether the storage was new: no migration had ever been applied.
    pub created: bool,
}

/// The storage has not the shape it needs, and could not be given it.
#[derive(Debug)]
pub enum SchemaError {
    /// It was made by a newer version, which knows this migration.
    Newer(String),
    /// It cannot be read or written.
    Repository(RepositoryError),
}

impl fmt::Display for SchemaError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer(migration) => write!(
                formatter,
                "the database is of a newer version: it has the migration {migration}, which this version does not know"
            ),
            Self::Repository(error) => error.fmt(formatter),
        }
    }
}

impl Error for SchemaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Newer(_) => None,
            Self::Repository(error) => error.source(),
        }
    }
}

impl From<RepositoryError> for SchemaError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}
