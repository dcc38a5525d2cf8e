use std::ffi::OsString;
use std::thread::{self, available_parallelism};

use anyhow::{Result, anyhow};
use clap::Args;

use crate::{project, say, tools};

/// All ignored tests are in the test programs `it`. With `--workspace`, cargo reuses the programs that it has built for
/// the other tests. For a single package, it would build them again with different features.
const IGNORED: &str = "test --no-fail-fast --workspace --test it -- --ignored";

#[derive(Args)]
pub(crate) struct Options {
    /// Then run the ignored tests, which need Node, Python, a browser or a pooler; installs these
    #[arg(long, conflicts_with = "arguments")]
    all: bool,
    /// Run only the ignored tests; arguments are for the tests, such as `-- typescript`
    #[arg(long, conflicts_with = "all")]
    ignored: bool,
    /// What to pass to `cargo test` instead of `--workspace`, such as `-- -p icp-domain`
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs the tests. Installs PostgreSQL if necessary. Each test program that needs a server starts one.
pub(crate) fn run(Options { all, ignored, arguments }: &Options) -> Result<bool> {
    tools::postgres()?;
    // Packages are downloaded while cargo compiles.
    let preparation = (*all || *ignored).then(|| thread::spawn(tools::prepare));
    let first = if arguments.is_empty() { "test --workspace --no-fail-fast" } else { "test" };
    let mut passed = *ignored || test(first, arguments, &[])?;
    if let Some(preparation) = preparation {
        let variables = preparation.join().map_err(|_| anyhow!("the installation panicked"))??;
        if arguments.is_empty() {
            passed &= test(&format!("{IGNORED} --skip load:: --skip faults::"), &[], &variables)?;
            // Concurrent tests would delay the requests of these tests.
            passed &= test(&format!("{IGNORED} load:: faults:: --test-threads=1"), &[], &variables)?;
        } else {
            passed &= test(IGNORED, arguments, &variables)?;
        }
    }
    Ok(passed)
}

fn test(command: &str, arguments: &[String], variables: &[(&str, OsString)]) -> Result<bool> {
    say(&format!("cargo {command} {}", arguments.join(" ")));
    // Many tests wait for timeouts and other processes, so more threads than cores keep the cores busy.
    let threads = (available_parallelism()?.get() * 3).to_string();
    let mut cargo = project::cargo(command)?;
    cargo.args(arguments).env("RUST_TEST_THREADS", threads).envs(variables.iter().cloned());
    project::succeeds(&mut cargo)
}
