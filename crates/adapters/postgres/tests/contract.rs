//! The contract of a repository, on a real PostgreSQL: as it comes, and with what a pooler leaves of it.

#![cfg(test)]

use std::process::ExitCode;

use icp_postgres::{PostgresDatabase, PostgresSettings};
use icp_testkit::contract::{self, Subject};
use icp_testkit::postgres;

fn subject(prepared_statements: bool) -> Subject {
    let database = postgres::shared().database();
    let settings =
        PostgresSettings { max_connections: 2, prepared_statements, ..PostgresSettings::new(database.url()) };
    Subject::new(PostgresDatabase::new(&settings).expect("its URL is valid")).keeping(database)
}

fn main() -> ExitCode {
    let mut trials = contract::repository("postgres", async || subject(true));
    trials.extend(contract::repository("postgres_unprepared", async || subject(false)));
    contract::run(trials)
}
