//! The suite of `Migrator` passes a good one, and finds defects.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use icp_ports::{MigrationError, MigrationReport, Migrator};
use icp_testkit::contract::{self, Subject};
use libtest_mimic::Trial;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::trials::{assert_fail, assert_pass};

const ALL: [&str; 3] = ["0001_icps", "0002_users", "0003_keys"];

/// A migrator whose storage is the list of applied migrations.
#[derive(Clone, Default)]
struct ListMigrator {
    applied: Arc<Mutex<Vec<String>>>,
    /// Applies one migration after the other, instead of all in one transaction.
    one_by_one: bool,
}

fn missing(applied: &[String]) -> Vec<String> {
    ALL.iter().map(ToString::to_string).filter(|name| !applied.contains(name)).collect()
}

#[async_trait]
impl Migrator for ListMigrator {
    async fn pending(&self) -> Result<Vec<String>, MigrationError> {
        Ok(missing(&self.applied.lock().await))
    }

    async fn migrate(&self) -> Result<MigrationReport, MigrationError> {
        if self.one_by_one {
            let applied = self.pending().await?;
            for name in &applied {
                sleep(Duration::from_millis(3)).await;
                self.applied.lock().await.push(name.clone());
            }
            return Ok(MigrationReport { created: applied.len() == ALL.len(), applied });
        }
        let mut stored = self.applied.lock().await;
        sleep(Duration::from_millis(3)).await;
        let (created, applied) = (stored.is_empty(), missing(&stored));
        stored.extend(applied.clone());
        Ok(MigrationReport { applied, created })
    }
}

fn trials(one_by_one: bool) -> Vec<Trial> {
    contract::migrator("defect", async move || {
        let migrator = ListMigrator { one_by_one, ..ListMigrator::default() };
        Subject::new(migrator.clone()).with_second_instance(migrator)
    })
}

#[test]
fn passes_atomic_migrator() {
    assert_pass(trials(false));
}

#[test]
fn finds_partial_and_repeated_migrations() {
    assert_fail(trials(true), &["concurrent_migrates_apply_once", "dropped_migrate_can_be_repeated"]);
}
