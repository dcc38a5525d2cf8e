use anyhow::Result;
use clap::Args;

use crate::{project, say, tools};

/// One test at a time: some measure what others would disturb. The whole workspace is named because cargo would otherwise
/// build its crates again with other features.
const IGNORED: &str = "test --no-fail-fast --workspace --test it -- --ignored --test-threads=1";

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
    // At once, so that what is missing fails before the tests run.
    let variables = (*all || *ignored).then(tools::prepare).transpose()?;
    let mut passed = true;
    if !ignored {
        let command = if arguments.is_empty() { "test --workspace" } else { "test" };
        say(&format!("cargo {command} {}", arguments.join(" ")));
        passed = project::succeeds(project::cargo(command)?.args(arguments))?;
    }
    if let Some(variables) = variables {
        say(&format!("cargo {IGNORED} {}", arguments.join(" ")));
        passed &= project::succeeds(project::cargo(IGNORED)?.args(arguments).envs(variables))?;
    }
    Ok(passed)
}
