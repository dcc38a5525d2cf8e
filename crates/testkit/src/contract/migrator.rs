//! The contract of [`Migrator`].

use std::sync::Arc;
use std::time::Duration;

use icp_ports::{MigrationReport, Migrator};
use libtest_mimic::Trial;
use tokio::time::timeout;

use super::Subject;
use super::repository::support::concurrently;
use super::trial::trials;

/// The suite of [`Migrator`]. `make` returns a migrator on a new storage, to which no migration has been applied.
pub fn migrator<M: Migrator + 'static>(
    name: &str,
    make: impl AsyncFn() -> Subject<M> + Clone + Send + 'static,
) -> Vec<Trial> {
    trials![
        name, make, |subject| TestMigrator::from(subject);
        new_storage_has_pending_migrations,
        migrate_applies_pending_migrations_in_order,
        second_migrate_applies_nothing,
        concurrent_migrates_apply_once,
        dropped_migrate_can_be_repeated,
    ]
}

#[derive(Clone)]
struct TestMigrator {
    instances: [Arc<dyn Migrator>; 2],
    _resources: Arc<dyn Send + Sync>,
}

impl<M: Migrator + 'static> From<Subject<M>> for TestMigrator {
    fn from(subject: Subject<M>) -> Self {
        Self { instances: [subject.first, subject.second], _resources: subject.resources }
    }
}

impl TestMigrator {
    /// Returns the instance that task `task` uses.
    fn instance(&self, task: u32) -> Arc<dyn Migrator> {
        let [first, second] = &self.instances;
        Arc::clone(if task.is_multiple_of(2) { first } else { second })
    }

    async fn pending(&self) -> Vec<String> {
        self.instance(0).pending().await.expect("pending failed")
    }

    async fn migrate(&self) -> MigrationReport {
        self.instance(0).migrate().await.expect("migrate failed")
    }
}

async fn new_storage_has_pending_migrations(migrator: TestMigrator) {
    let pending = migrator.pending().await;
    assert!(!pending.is_empty(), "a new storage must have pending migrations");
    assert_eq!(migrator.pending().await, pending, "`pending` must not change the storage");
    let distinct: std::collections::HashSet<_> = pending.iter().collect();
    assert_eq!(distinct.len(), pending.len(), "each migration must have its own name: {pending:?}");
}

async fn migrate_applies_pending_migrations_in_order(migrator: TestMigrator) {
    let pending = migrator.pending().await;
    assert_eq!(migrator.migrate().await, MigrationReport { applied: pending, created: true });
    assert!(migrator.pending().await.is_empty());
}

async fn second_migrate_applies_nothing(migrator: TestMigrator) {
    migrator.migrate().await;
    for task in 0..2 {
        let report = migrator.instance(task).migrate().await.expect("migrate failed");
        assert_eq!(report, MigrationReport { applied: Vec::new(), created: false });
    }
}

async fn concurrent_migrates_apply_once(migrator: TestMigrator) {
    let pending = migrator.pending().await;
    let reports = concurrently(8, |task| {
        let migrator = migrator.instance(task);
        async move {
            let report = migrator.migrate().await.expect("migrate failed");
            let remaining = migrator.pending().await.expect("pending failed");
            assert!(remaining.is_empty(), "`migrate` must leave no pending migrations: {remaining:?}");
            report
        }
    })
    .await;
    let applied: Vec<_> = reports.iter().filter(|report| !report.applied.is_empty()).collect();
    assert_eq!(
        applied,
        [&MigrationReport { applied: pending, created: true }],
        "exactly one call must apply the migrations"
    );
}

async fn dropped_migrate_can_be_repeated(migrator: TestMigrator) {
    let pending = migrator.pending().await;
    for milliseconds in [0, 1, 2, 5, 10, 20, 50] {
        let _ = timeout(Duration::from_millis(milliseconds), migrator.instance(0).migrate()).await;
        let remaining = migrator.pending().await;
        assert!(
            remaining.is_empty() || remaining == pending,
            "all or no migrations must be pending: {remaining:?} of {pending:?}"
        );
    }
    migrator.migrate().await;
    assert!(migrator.pending().await.is_empty());
}
