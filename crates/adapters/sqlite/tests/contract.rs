//! The contract suites, on SQLite.

#![cfg(test)]

use std::path::Path;
use std::process::ExitCode;

use icp_ports::Migrator as _;
use icp_sqlite::{SqliteDatabase, SqliteSettings};
use icp_testkit::contract::{self, Subject};

async fn open(folder: &Path) -> SqliteDatabase {
    let settings = SqliteSettings { path: folder.join("icp.sqlite3"), max_connections: 4 };
    SqliteDatabase::open(settings).await.expect("must open")
}

/// A database without tables.
async fn empty() -> Subject<SqliteDatabase> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (first, second) = (open(folder.path()).await, open(folder.path()).await);
    Subject::new(first).with_second_instance(second).keeping(folder)
}

async fn migrated() -> Subject<SqliteDatabase> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (first, second) = (open(folder.path()).await, open(folder.path()).await);
    first.migrate().await.expect("must migrate");
    Subject::new(first).with_second_instance(second).keeping(folder)
}

fn main() -> ExitCode {
    let mut trials = contract::repository("sqlite", migrated);
    trials.extend(contract::history("sqlite_history", migrated));
    trials.extend(contract::import_export("sqlite", migrated));
    trials.extend(contract::migrator("sqlite", empty));
    contract::run(trials)
}
