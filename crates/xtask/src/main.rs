#![doc = include_str!("../README.md")]

mod bench;
mod check;
#[cfg(test)]
mod docs;
mod install;
mod layers;
mod project;
mod supply;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every test, PostgreSQL's included, on a server that is installed if need be and thrown away after
    Test {
        /// After them those that need Node, Python or a browser, which are installed where they are missing
        #[arg(long, conflicts_with = "arguments")]
        all: bool,
        /// What to hand to `cargo test`, such as `-- -p icp-domain`; every crate is tested when it names none
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Run the tests that need Node, Python or a browser alone
    Clients {
        /// What to hand to the tests, such as `-- typescript`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Measure the service beside what the same work costs without it; takes under five minutes
    Bench(bench::Options),
    /// Measure what an operation costs as there are more ICPs, as a user has more, and as an ICP has more users
    Growth(bench::growth::Options),
    /// Check what needs no running: format, lints, documentation, layers; licences too, where cargo-deny is installed
    Check,
    /// Write what the program is made of to `target/icp-sbom.json`, as a bill of materials; needs cargo-cyclonedx
    Sbom,
    /// Check that no crate reaches into a layer that it must not know
    Layers,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Test { all: true, .. } => test::all(),
        Chore::Test { arguments, .. } => test::run(&arguments),
        Chore::Clients { arguments } => test::clients(&arguments),
        Chore::Bench(options) => bench::run(&options),
        Chore::Growth(options) => bench::growth::run(&options),
        Chore::Check => check::run(),
        Chore::Sbom => supply::list(),
        Chore::Layers => layers::run(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

/// What a chore says before each step.
fn say(step: &str) {
    println!("xtask: {step}");
}

/// The exit code of a chore that consists of checks.
fn verdict(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
