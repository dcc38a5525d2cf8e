use async_trait::async_trait;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use icp_ports::{MigrationError, MigrationReport, Migrator};

use crate::connect::Access;
use crate::database::{SqliteDatabase, run_blocking};
use crate::error::{TransactionError, backend};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../../migrations/sqlite");

#[async_trait]
impl Migrator for SqliteDatabase {
    async fn pending(&self) -> Result<Vec<String>, MigrationError> {
        let file = self.file.clone();
        run_blocking(move || Ok(find_pending(&mut file.connect(Access::Write)?)?.0.applied)).await
    }

    async fn migrate(&self) -> Result<MigrationReport, MigrationError> {
        let file = self.file.clone();
        let migrated = run_blocking(move || {
            let mut connection = file.connect(Access::Write)?;
            // If no migration is pending, the write lock is not needed. So this method then succeeds even while
            // another process writes.
            let (report, pending) = find_pending(&mut connection)?;
            if pending.is_empty() {
                return Ok(report);
            }
            // An immediate transaction holds the write lock. If several processes migrate, the others wait for the
            // first process.
            connection.immediate_transaction(|connection| {
                let (report, pending) = find_pending(connection)?;
                connection.run_migrations(&pending).map_err(backend)?;
                Ok(report)
            })
        });
        migrated.await
    }
}

/// The pending migrations, and the report that is correct after they have been applied.
type Pending = (MigrationReport, Vec<Box<dyn Migration<Sqlite>>>);

fn find_pending(connection: &mut SqliteConnection) -> Result<Pending, TransactionError<MigrationError>> {
    let applied = connection.applied_migrations().map_err(backend)?;
    let mut pending = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(backend)?;
    let known: Vec<_> = pending.iter().map(|migration| migration.name().version()).collect();
    if let Some(unknown) = applied.iter().find(|version| !known.contains(version)) {
        return Err(TransactionError(MigrationError::Unknown(unknown.to_string())));
    }
    pending.retain(|migration| !applied.contains(&migration.name().version()));
    let names = pending.iter().map(|migration| migration.name().to_string()).collect();
    Ok((MigrationReport { applied: names, created: applied.is_empty() }, pending))
}
