#![doc = include_str!("../README.md")]

#[cfg(target_os = "linux")]
mod bench;
mod check;
mod install;
mod layers;
mod project;
mod test;
mod tools;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development commands", disable_help_subcommand = true)]
enum Command {
    /// Run the tests; installs PostgreSQL if there is none
    Test(test::Options),
    /// Compare the service with pgbench and other baselines
    #[cfg(target_os = "linux")]
    Bench(bench::Options),
    /// Check format, lints, documentation and layers
    Check,
    /// Check dependencies: layers, licenses, sources
    Layers,
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Test(options) => test::run(&options),
        #[cfg(target_os = "linux")]
        Command::Bench(options) => bench::run(options),
        Command::Check => check::run(),
        Command::Layers => layers::run(),
    };
    let passed = outcome.inspect_err(|error| eprintln!("xtask: {error:#}")).unwrap_or_default();
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(step: &str) {
    println!("xtask: {step}");
}
