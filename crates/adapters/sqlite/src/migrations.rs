use async_trait::async_trait;
use diesel::migration::{Migration, MigrationSource as _};
use diesel::sqlite::Sqlite;
use diesel::{Connection as _, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use icp_ports::{BoxError, MigrationReport, RepositoryError, Schema, SchemaError};

use crate::backfill;
use crate::connections;
use crate::database::SqliteDatabase;
use crate::error::{query_failed, task_failed};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../../migrations/sqlite");

#[async_trait]
impl Schema for SqliteDatabase {
    async fn pending(&self) -> Result<Vec<String>, SchemaError> {
        self.with_schema(look).await
    }

    async fn migrate(&self) -> Result<MigrationReport, SchemaError> {
        self.with_schema(|connection| {
            // Looking needs no lock, and so works while another process writes.
            let report = if look(connection)?.is_empty() {
                MigrationReport::default()
            } else {
                // Immediate: of several processes one migrates, and the others wait and find it done.
                connection.immediate_transaction::<_, Failure, _>(|connection| {
                    let (created, pending) = examine(connection)?;
                    connection.run_migrations(&pending).map_err(backend)?;
                    Ok(MigrationReport { applied: names(&pending), created })
                })?
            };
            backfill::search_columns(connection)?;
            Ok::<_, Failure>(report)
        })
        .await
        .map_err(|Failure(error)| error)
    }
}

impl SqliteDatabase {
    async fn with_schema<T: Send + 'static, E: From<SchemaError> + Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let path = self.path.clone();
        let task = move || {
            let unavailable = |error| RepositoryError::Unavailable(Box::new(error));
            let mut connection =
                connections::open(&path).map_err(|error| SchemaError::from(unavailable(error)))?;
            work(&mut connection)
        };
        tokio::task::spawn_blocking(task).await.map_err(|error| SchemaError::from(task_failed(error)))?
    }
}

/// The names of what is pending. Asking makes diesel's own table; rolled back, the question leaves no trace.
fn look(connection: &mut SqliteConnection) -> Result<Vec<String>, SchemaError> {
    let mut pending = Ok(Vec::new());
    connection.test_transaction::<_, BoxError, _>(|connection| {
        pending = examine(connection).map(|(_, pending)| names(&pending));
        Ok(())
    });
    pending
}

type Migrations = Vec<Box<dyn Migration<Sqlite>>>;

/// Whether no migration was ever applied, and which are pending.
fn examine(connection: &mut SqliteConnection) -> Result<(bool, Migrations), SchemaError> {
    let applied = connection.applied_migrations().map_err(backend)?;
    let mut pending: Migrations = MIGRATIONS.migrations().map_err(backend)?;
    if let Some(newer) =
        applied.iter().find(|version| !pending.iter().any(|known| known.name().version() == **version))
    {
        return Err(SchemaError::Newer(newer.to_string()));
    }
    pending.retain(|migration| !applied.contains(&migration.name().version()));
    Ok((applied.is_empty(), pending))
}

fn names(migrations: &Migrations) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().to_string()).collect()
}

fn backend(error: BoxError) -> SchemaError {
    RepositoryError::Backend(error).into()
}

/// Diesel's transactions need an error that theirs turns into.
struct Failure(SchemaError);

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self(query_failed(error).into())
    }
}

impl From<SchemaError> for Failure {
    fn from(error: SchemaError) -> Self {
        Self(error)
    }
}
