//! The contract of a repository, on a real PostgreSQL.

#![cfg(test)]

use std::process::ExitCode;

use icp_postgres::{PostgresDatabase, PostgresSettings};
use icp_testkit::contract::{self, Subject};
use icp_testkit::postgres;

fn main() -> ExitCode {
    contract::run(contract::repository("postgres", async || {
        let database = postgres::shared().database();
        let settings = PostgresSettings { url: database.url().to_owned(), max_connections: 2 };
        Subject::new(PostgresDatabase::new(&settings).expect("its URL is valid")).keeping(database)
    }))
}
