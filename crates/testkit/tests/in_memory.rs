//! The in-memory adapter passes the suite that the others pass.

#![cfg(test)]

use std::process::ExitCode;

use icp_testkit::contract::{self, Subject};
use icp_testkit::memory::InMemoryDatabase;

fn main() -> ExitCode {
    contract::run(contract::repository("in-memory", async || Subject::new(InMemoryDatabase::default())))
}
