//! Runs the contract suites of the ports on SQLite.

#![cfg(test)]

use std::path::Path;
use std::process::ExitCode;

use icp_ports::Migrator as _;
use icp_sqlite::{SqliteDatabase, SqliteSettings};
use icp_testkit::contract::{self, Subject};

async fn open(folder: &Path) -> SqliteDatabase {
    let settings = SqliteSettings { path: folder.join("icp.sqlite3"), max_connections: 4 };
    SqliteDatabase::open(settings).await.expect("the database must be opened")
}

/// A database without tables.
async fn empty_subject() -> Subject<SqliteDatabase> {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let (first, second) = (open(folder.path()).await, open(folder.path()).await);
    Subject::new(first).with_second_instance(second).keeping(folder)
}

async fn migrated_subject() -> Subject<SqliteDatabase> {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let (first, second) = (open(folder.path()).await, open(folder.path()).await);
    first.migrate().await.expect("the migration must succeed");
    Subject::new(first).with_second_instance(second).keeping(folder)
}

fn main() -> ExitCode {
    let mut trials = contract::repository("sqlite", migrated_subject);
    trials.extend(contract::history("sqlite_history", migrated_subject));
    trials.extend(contract::import_export("sqlite", migrated_subject));
    trials.extend(contract::migrator("sqlite", empty_subject));
    contract::run(trials)
}
