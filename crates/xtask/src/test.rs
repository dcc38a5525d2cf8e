use std::thread::available_parallelism;

use anyhow::Result;
use clap::Args;

use crate::{project, say, tools};

/// Uses `--workspace`, because cargo builds a single crate with other features. Other tests would delay the requests of `load::`,
/// so those run one at a time.
const IGNORED: [&str; 2] = [
    "test --no-fail-fast --workspace --tests -- --ignored --skip load::",
    "test --no-fail-fast --workspace --tests -- --ignored load:: --test-threads=1",
];

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

/// Tests start PostgreSQL themselves. This installs it if necessary.
pub(crate) fn run(Options { all, ignored, arguments }: &Options) -> Result<bool> {
    tools::postgres()?;
    // More threads would change the times that some tests measure.
    let threads = (available_parallelism()?.get() * 3 / 2).to_string();
    let (mut commands, mut variables) = (Vec::new(), Vec::new());
    if !ignored {
        commands.push(if arguments.is_empty() { "test --workspace --no-fail-fast" } else { "test" });
    }
    if *all || *ignored {
        commands.extend(IGNORED);
        variables.extend(tools::prepare()?);
    }
    let mut passed = true;
    for command in commands {
        say(&format!("cargo {command} {}", arguments.join(" ")));
        let mut cargo = project::cargo(command)?;
        cargo.env("RUST_TEST_THREADS", &threads).envs(variables.iter().map(|(name, value)| (name, value)));
        passed &= project::succeeds(cargo.args(arguments))?;
    }
    Ok(passed)
}
