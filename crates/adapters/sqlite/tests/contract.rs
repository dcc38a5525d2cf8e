//! The contract of a repository, on SQLite.

#![cfg(test)]

use std::process::ExitCode;

use icp_sqlite::{SqliteDatabase, SqliteSettings};
use icp_testkit::contract::{self, Subject};

fn main() -> ExitCode {
    contract::run(contract::repository("sqlite", async || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("icp.sqlite3");
        let database = SqliteDatabase::open(SqliteSettings { path, max_connections: 4 }).await;
        Subject::new(database.expect("it opens")).keeping(folder)
    }))
}
