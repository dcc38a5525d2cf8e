use async_trait::async_trait;
use diesel::connection::{CacheSize, SimpleConnection as _};
use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource as _, MigrationVersion};
use diesel::pg::Pg;
use diesel::sql_types::Bool;
use diesel::{Connection as _, QueryDsl as _, QueryResult, RunQueryDsl as _};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use icp_ports::{BoxError, MigrationError, MigrationReport, Migrator, RepositoryError};

use crate::database::PostgresDatabase;
use crate::error::query_failed;
use crate::schema::__diesel_schema_migrations;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../../migrations/postgres");

/// SQL that acquires the lock of a migration. The number is arbitrary, but must not change, because
/// instances of two versions may run at the same time.
const ACQUIRE_LOCK: &str = "SELECT pg_advisory_xact_lock(7593173187410322276)";

type SyncConnection = AsyncConnectionWrapper<AsyncPgConnection>;

#[async_trait]
impl Migrator for PostgresDatabase {
    async fn pending(&self) -> Result<Vec<String>, MigrationError> {
        self.with_sync_connection(|connection| {
            let applied = applied_versions(connection).map_err(query_failed)?;
            Ok(migration_names(&pending_migrations(&applied)?))
        })
        .await
    }

    async fn migrate(&self) -> Result<MigrationReport, MigrationError> {
        self.with_sync_connection(|connection| {
            // One transaction acquires the lock and applies all migrations. If several processes migrate, the others
            // wait, and then find no pending migrations. The lock ends with the transaction, because a pooler could
            // give the session to another client.
            let migrated = connection.transaction::<_, TransactionError, _>(|connection| {
                connection.batch_execute(ACQUIRE_LOCK)?;
                let applied = applied_versions(connection)?;
                let pending = pending_migrations(&applied)?;
                if pending.is_empty() {
                    return Ok(MigrationReport::default());
                }
                // This call creates diesel's own table.
                connection.applied_migrations().map_err(to_migration_error)?;
                connection.run_migrations(&pending).map_err(to_migration_error)?;
                Ok(MigrationReport { applied: migration_names(&pending), created: applied.is_empty() })
            });
            migrated.map_err(|TransactionError(error)| error)
        })
        .await
    }
}

impl PostgresDatabase {
    /// Runs `work` with a synchronous connection, which diesel's migrations need. `work` runs on a blocking thread,
    /// because `block_in_place` panics in actix's runtime.
    async fn with_sync_connection<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SyncConnection) -> Result<T, MigrationError> + Send + 'static,
    ) -> Result<T, MigrationError> {
        let mut connection = SyncConnection::from(self.pool.opener().open().await?.diesel);
        // Behind a pooler, a prepared statement may be unknown after its transaction. So no statements are prepared in
        // advance. This costs nothing, because each statement runs only once.
        connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        let task = tokio::task::spawn_blocking(move || work(&mut connection));
        task.await.map_err(|error| RepositoryError::Backend(error.into()))?
    }
}

type Migrations = Vec<Box<dyn Migration<Pg>>>;

/// Returns the versions of the applied migrations. Does not create diesel's table, because the role may have no right
/// to create tables.
fn applied_versions(connection: &mut SyncConnection) -> QueryResult<Vec<MigrationVersion<'static>>> {
    let table_exists = sql::<Bool>("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL");
    if !table_exists.get_result::<bool>(connection)? {
        return Ok(Vec::new());
    }
    __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(connection)
}

/// Returns the pending migrations. Fails if the database has a migration that this program does not know.
fn pending_migrations(applied: &[MigrationVersion<'_>]) -> Result<Migrations, MigrationError> {
    let mut pending: Migrations = MIGRATIONS.migrations().map_err(to_migration_error)?;
    if let Some(unknown) = applied
        .iter()
        .find(|version| !pending.iter().any(|migration| migration.name().version() == **version))
    {
        return Err(MigrationError::Unknown(unknown.to_string()));
    }
    pending.retain(|migration| !applied.contains(&migration.name().version()));
    Ok(pending)
}

fn migration_names(migrations: &Migrations) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().to_string()).collect()
}

fn to_migration_error(error: BoxError) -> MigrationError {
    RepositoryError::Backend(error).into()
}

/// An error within a diesel transaction, which must implement `From<diesel::result::Error>`.
struct TransactionError(MigrationError);

impl From<diesel::result::Error> for TransactionError {
    fn from(error: diesel::result::Error) -> Self {
        Self(query_failed(error).into())
    }
}

impl From<MigrationError> for TransactionError {
    fn from(error: MigrationError) -> Self {
        Self(error)
    }
}
