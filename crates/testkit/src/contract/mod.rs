//! The contract suites of the ports, of a repository whose storage fails, and of an authenticator during an outage.
//!
//! Each function returns the trials of one suite, and [`run`] runs trials as a test program. For each trial, a suite
//! calls the adapter's factory. The factory of a storage must create a fresh, empty storage. A trial that takes longer
//! than 60 seconds fails.

mod authenticator;
mod history;
mod import_export;
mod migrator;
mod repository;
mod resilience;
mod subject;
mod trial;

use std::num::NonZero;
use std::process::ExitCode;
use std::thread::available_parallelism;

use libtest_mimic::{Arguments, Trial};

pub use authenticator::{SignIn, authenticator, authenticator_outage};
pub use history::history;
pub use import_export::import_export;
pub use migrator::migrator;
pub use repository::repository;
pub use resilience::{Faults, resilience};
pub use subject::Subject;

/// Runs trials as a test program. Call this function in `main` of a test target with `harness = false`.
pub fn run(trials: Vec<Trial>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    // There are more threads than cores, because the trials of timeouts and outages mostly wait.
    let threads = || available_parallelism().map_or(1, NonZero::get) * 2;
    arguments.test_threads.get_or_insert_with(threads);
    libtest_mimic::run(&arguments, trials).exit_code()
}
