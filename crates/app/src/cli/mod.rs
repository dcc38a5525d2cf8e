//! The commands of `icp`.

mod config;
mod export;
mod health;
mod import;
mod migrate;
mod openapi;
mod output;
mod serve;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use icp_settings::{Settings, Surroundings};

/// Answers which Ideal Customer Profiles a signed-in user may see.
#[derive(Debug, Parser)]
#[command(name = "icp", version, max_term_width = 100)]
struct Cli {
    /// A settings file (TOML); it goes before config/default.toml and below the environment
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the API; what happens without a command, too
    Serve,
    /// Applies pending migrations
    Migrate(migrate::Options),
    /// Reads ICPs, as a JSON array or JSON Lines: all of them or none
    Import(import::Options),
    /// Writes every ICP as JSON Lines to standard output
    Export,
    /// Prints a token of the development sign-in
    Token(token::Options),
    /// Prints the API's description (OpenAPI 3.1)
    Openapi,
    /// Asks the running service how it is, as a container's health check does
    Health(health::Options),
    /// Prints the settings in force and where each comes from
    Config,
}

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    if let Some(Command::Openapi) = cli.command {
        // It is the same whatever the settings.
        return openapi::run();
    }
    let settings = Settings::load(&Surroundings::of_process(cli.config))?;
    let _telemetry = icp_observability::start(&settings.log_options())?;
    match cli.command.unwrap_or(Command::Serve) {
        // Requests are served by actix's own runtimes, one a thread.
        Command::Serve => actix_web::rt::System::new().block_on(serve::run(&settings)),
        Command::Migrate(options) => block_on(migrate::run(&settings, options)),
        Command::Import(options) => block_on(import::run(&settings, options)),
        Command::Export => block_on(export::run(&settings)),
        Command::Token(options) => token::run(&settings, options),
        Command::Health(options) => health::run(&settings, &options),
        Command::Config => config::run(&settings),
        Command::Openapi => openapi::run(),
    }
}

fn block_on(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(command)
}
