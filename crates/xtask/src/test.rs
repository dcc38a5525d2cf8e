use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::tools::Variable;
use crate::{project, say, tools};

/// One test at a time: some measure what others would disturb. The whole workspace is named because cargo would otherwise
/// build its crates again with other features.
const IGNORED: [&str; 8] =
    ["test", "--no-fail-fast", "--workspace", "--test", "it", "--", "--ignored", "--test-threads=1"];

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
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let given: Vec<_> = options.arguments.iter().map(String::as_str).collect();
    let mut passed = true;
    let variables = if options.all || options.ignored { tools::prepare()? } else { Vec::new() };
    if !options.ignored {
        tools::postgres()?;
        let chosen = if given.is_empty() { vec!["--workspace"] } else { given.clone() };
        passed &= cargo(&[&["test"], chosen.as_slice()].concat(), &[])?;
    }
    if options.all || options.ignored {
        passed &= cargo(&[&IGNORED, given.as_slice()].concat(), &variables)?;
    }
    Ok(project::exit_code(passed))
}

fn cargo(arguments: &[&str], variables: &[Variable]) -> Result<bool> {
    say(&format!("cargo {}", arguments.join(" ")));
    let variables = variables.iter().map(|(name, value)| (name, value));
    project::succeeds(project::cargo(arguments)?.envs(variables))
}
