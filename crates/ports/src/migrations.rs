use async_trait::async_trait;

use crate::RepositoryError;

/// Migrates the schema of a storage. For a storage that needs no schema, `pending` returns no names, and `migrate` does
/// nothing. Both methods fail and change nothing if the storage has a migration that this version does not know.
#[async_trait]
pub trait Migrator: Send + Sync {
    /// Returns the names of the migrations that have not been applied, in order.
    async fn pending(&self) -> Result<Vec<String>, MigrationError>;

    /// Applies the pending migrations.
    ///
    /// An implementation MUST apply all migrations or none. Several processes may call this method concurrently: one of
    /// them applies the migrations, and every successful call returns after they have been applied.
    async fn migrate(&self) -> Result<MigrationReport, MigrationError>;
}

/// The result of [`Migrator::migrate`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// The names of the migrations that were applied, in order.
    pub applied: Vec<String>,
    /// True if the storage was new and had no migrations before.
    pub created: bool,
}

/// The reason why the schema could not be read or migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The storage has a migration of this name, which this version does not know.
    #[error(
        "the database has migration {0}, which this version does not know: use the version that applied it"
    )]
    Unknown(String),
    /// The storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}
