//! The suite of `Migrator` passes for a correct migrator, and fails for a migrator with a defect.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use icp_ports::{MigrationError, MigrationReport, Migrator};
use icp_testkit::contract::{self, Subject};
use libtest_mimic::Trial;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::trials::{assert_fail, assert_pass};

const MIGRATIONS: [&str; 3] = ["0001_icps", "0002_users", "0003_keys"];

/// A migrator whose storage is the list of applied migrations.
#[derive(Clone, Default)]
struct ListMigrator {
    applied: Arc<Mutex<Vec<String>>>,
    /// If true, the migrator applies each migration in its own transaction. Otherwise it applies all in one
    /// transaction.
    is_not_atomic: bool,
}

fn pending_migrations(applied: &[String]) -> Vec<String> {
    MIGRATIONS.iter().map(ToString::to_string).filter(|name| !applied.contains(name)).collect()
}

#[async_trait]
impl Migrator for ListMigrator {
    async fn pending(&self) -> Result<Vec<String>, MigrationError> {
        Ok(pending_migrations(&self.applied.lock().await))
    }

    async fn migrate(&self) -> Result<MigrationReport, MigrationError> {
        if self.is_not_atomic {
            let applied = self.pending().await?;
            for name in &applied {
                sleep(Duration::from_millis(3)).await;
                self.applied.lock().await.push(name.clone());
            }
            return Ok(MigrationReport { created: applied.len() == MIGRATIONS.len(), applied });
        }
        let mut stored = self.applied.lock().await;
        sleep(Duration::from_millis(3)).await;
        let (created, applied) = (stored.is_empty(), pending_migrations(&stored));
        stored.extend(applied.clone());
        Ok(MigrationReport { applied, created })
    }
}

fn trials(is_not_atomic: bool) -> Vec<Trial> {
    contract::migrator("defect", async move || {
        let migrator = ListMigrator { is_not_atomic, ..ListMigrator::default() };
        Subject::new(migrator.clone()).with_second_instance(migrator)
    })
}

#[test]
fn suite_passes_for_atomic_migrator() {
    assert_pass(trials(false));
}

#[test]
fn suite_detects_partial_and_repeated_migrations() {
    assert_fail(trials(true), &["concurrent_migrates_apply_once", "dropped_migrate_can_be_repeated"]);
}
