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

/// Lock of a migration. The number is the text `icp-schema`, cut to 8 bytes.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7593173187410322276)";

type SyncConnection = AsyncConnectionWrapper<AsyncPgConnection>;

#[async_trait]
impl Migrator for PostgresDatabase {
    async fn pending(&self) -> Result<Vec<String>, MigrationError> {
        self.with_schema(|connection| {
            let applied = applied(connection).map_err(query_failed)?;
            Ok(names(&examine(&applied)?))
        })
        .await
    }

    async fn migrate(&self) -> Result<MigrationReport, MigrationError> {
        self.with_schema(|connection| {
            // One transaction applies all migrations, with a lock that ends with it. Of several processes, one migrates, and the
            // others wait and find nothing pending. A session lock would not work with a pooler that shares sessions.
            let migrated = connection.transaction::<_, Failure, _>(|connection| {
                connection.batch_execute(LOCK)?;
                // This creates diesel's own table.
                let applied = connection.applied_migrations().map_err(backend)?;
                let pending = examine(&applied)?;
                connection.run_migrations(&pending).map_err(backend)?;
                Ok(MigrationReport { applied: names(&pending), created: applied.is_empty() })
            });
            migrated.map_err(|Failure(error)| error)
        })
        .await
    }
}

impl PostgresDatabase {
    /// Diesel's migrations are synchronous. They run on a blocking thread, since `block_in_place` panics under actix's
    /// runtime.
    async fn with_schema<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SyncConnection) -> Result<T, MigrationError> + Send + 'static,
    ) -> Result<T, MigrationError> {
        let mut connection = SyncConnection::from(self.pool.opener().open().await?.diesel);
        // A pooler can lose a prepared statement after its transaction. Statements are not cached, as none is used twice.
        connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        let working = tokio::task::spawn_blocking(move || work(&mut connection));
        working.await.map_err(|error| RepositoryError::Backend(error.into()))?
    }
}

type Migrations = Vec<Box<dyn Migration<Pg>>>;

/// Returns the applied migrations, without creating diesel's table: a role that does not migrate may not create tables.
fn applied(connection: &mut SyncConnection) -> QueryResult<Vec<MigrationVersion<'static>>> {
    let is_there = sql::<Bool>("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL");
    if !is_there.get_result::<bool>(connection)? {
        return Ok(Vec::new());
    }
    __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(connection)
}

/// Returns the pending migrations.
fn examine(applied: &[MigrationVersion<'_>]) -> Result<Migrations, MigrationError> {
    let mut pending: Migrations = MIGRATIONS.migrations().map_err(backend)?;
    if let Some(newer) =
        applied.iter().find(|version| !pending.iter().any(|known| known.name().version() == **version))
    {
        return Err(MigrationError::Unknown(newer.to_string()));
    }
    pending.retain(|migration| !applied.contains(&migration.name().version()));
    Ok(pending)
}

fn names(migrations: &Migrations) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().to_string()).collect()
}

fn backend(error: BoxError) -> MigrationError {
    RepositoryError::Backend(error).into()
}

/// The error of a diesel transaction, which must implement `From<diesel::result::Error>`.
struct Failure(MigrationError);

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self(query_failed(error).into())
    }
}

impl From<MigrationError> for Failure {
    fn from(error: MigrationError) -> Self {
        Self(error)
    }
}
