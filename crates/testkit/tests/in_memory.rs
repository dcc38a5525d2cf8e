//! Runs the contract suites on the in-memory adapter.

#![cfg(test)]

use std::process::ExitCode;

use icp_testkit::contract::{self, Subject};
use icp_testkit::faults::FaultyRepository;
use icp_testkit::memory::InMemoryDatabase;

fn main() -> ExitCode {
    let mut trials = contract::repository("in_memory", async || Subject::new(InMemoryDatabase::default()));
    // The second suite uses two instances of the adapter with the same data.
    trials.extend(contract::repository("in_memory_twice", async || {
        let database = InMemoryDatabase::default();
        Subject::new(database.clone()).with_second_instance(database)
    }));
    trials.extend(contract::history("in_memory_history", async || Subject::new(InMemoryDatabase::default())));
    trials.extend(contract::import_export("in_memory", async || Subject::new(InMemoryDatabase::default())));
    trials.extend(contract::resilience("in_memory", async || {
        let repository = FaultyRepository::new(InMemoryDatabase::default());
        let network = repository.network();
        (Subject::new(repository), network)
    }));
    contract::run(trials)
}
