use async_trait::async_trait;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use icp_ports::{MigrationError, MigrationReport, Migrator};

use crate::connect::Access;
use crate::database::{SqliteDatabase, blocking};
use crate::error::{Failure, backend};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../../migrations/sqlite");

#[async_trait]
impl Migrator for SqliteDatabase {
    async fn pending(&self) -> Result<Vec<String>, MigrationError> {
        let file = self.file.clone();
        blocking(move || Ok(examine(&mut file.connect(Access::Write)?)?.0.applied)).await
    }

    async fn migrate(&self) -> Result<MigrationReport, MigrationError> {
        let file = self.file.clone();
        let migrated = blocking(move || {
            let mut connection = file.connect(Access::Write)?;
            // Without a pending migration, no lock is needed, so this works while another process writes.
            let (report, pending) = examine(&mut connection)?;
            if pending.is_empty() {
                return Ok(report);
            }
            // An immediate transaction has the write lock: one process migrates, and the others wait for it.
            connection.immediate_transaction(|connection| {
                let (report, pending) = examine(connection)?;
                connection.run_migrations(&pending).map_err(backend)?;
                Ok(report)
            })
        });
        migrated.await
    }
}

/// The pending migrations, and the report after they have been applied.
type Examined = (MigrationReport, Vec<Box<dyn Migration<Sqlite>>>);

fn examine(connection: &mut SqliteConnection) -> Result<Examined, Failure<MigrationError>> {
    let applied = connection.applied_migrations().map_err(backend)?;
    let mut pending = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(backend)?;
    let known: Vec<_> = pending.iter().map(|migration| migration.name().version()).collect();
    if let Some(unknown) = applied.iter().find(|version| !known.contains(version)) {
        return Err(Failure(MigrationError::Unknown(unknown.to_string())));
    }
    pending.retain(|migration| !applied.contains(&migration.name().version()));
    let names = pending.iter().map(|migration| migration.name().to_string()).collect();
    Ok((MigrationReport { applied: names, created: applied.is_empty() }, pending))
}
