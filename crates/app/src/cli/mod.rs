//! The commands of `icp`.

mod config;
mod export;
mod forget_user;
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

use icp_settings::{Environment, Settings};

/// Stores Ideal Customer Profiles (ICPs) and returns the ICPs that the signed-in user may access.
#[derive(Debug, Parser)]
#[command(name = "icp", version, max_term_width = 100)]
struct Cli {
    /// A settings file (TOML). It overrides config/default.toml, and the environment overrides it
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the API server. This is the default command
    Serve(serve::Options),
    /// Applies pending migrations
    Migrate(migrate::Options),
    /// Imports ICPs from a JSON array or JSON Lines: all of them or none
    Import(import::Options),
    /// Writes every ICP as JSON Lines to standard output
    Export,
    /// Removes a user from all ICPs and histories. Run it again after an interruption
    ForgetUser(forget_user::Options),
    /// Prints a token of the development sign-in
    Token(token::Options),
    /// Prints the OpenAPI document of the API
    Openapi,
    /// Prints the health of the running service, for health checks of containers
    Health(health::Options),
    /// Prints the active sign-in, and every setting with its value, source and variable
    Config(serve::Options),
}

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_message(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    if let Some(Command::Openapi) = cli.command {
        // This command must work with invalid settings, so it runs before they are loaded.
        return openapi::run();
    }
    let command = cli.command.unwrap_or_else(|| Command::Serve(serve::Options::default()));
    let options = match &command {
        Command::Serve(options) | Command::Config(options) => options.settings(),
        Command::Health(options) => options.server.settings(),
        _ => Vec::new(),
    };
    let settings = Settings::load(&Environment::of_process(cli.config, options))?;
    let _telemetry = icp_observability::start(&settings.log_options())?;
    match command {
        // actix serves requests with its own runtimes, one for each worker thread.
        Command::Serve(_) => actix_web::rt::System::new().block_on(serve::run(&settings)),
        Command::Migrate(options) => block_on(migrate::run(&settings, options)),
        Command::Import(options) => block_on(import::run(&settings, options)),
        Command::Export => block_on(export::run(&settings)),
        Command::ForgetUser(options) => block_on(forget_user::run(&settings, options)),
        Command::Token(options) => token::run(&settings, options),
        Command::Health(options) => health::run(&settings, &options),
        Command::Config(_) => config::run(&settings),
        Command::Openapi => openapi::run(),
    }
}

fn block_on(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(command)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::Cli;

    const REFERENCE: &str = include_str!("../../../../docs/reference/cli.md");

    #[test]
    fn reference_has_every_command_and_option() {
        let mut cli = Cli::command();
        cli.build();
        let mut documented = BTreeSet::new();
        for command in cli.get_subcommands() {
            let name = command.get_name();
            let heading = format!("\n## `icp {name}`\n");
            let (_, rest) = REFERENCE
                .split_once(&heading)
                .unwrap_or_else(|| panic!("the page must have a section for {name}"));
            let section = rest.split("\n## ").next().unwrap_or(rest);
            documented.insert(name.to_owned());
            let mut option_count = 0;
            for argument in command.get_arguments().filter(|_| name != "help") {
                let value = argument.get_value_names().and_then(<[_]>::first).map(clap::builder::Str::as_str);
                let cell = match (argument.get_long(), value) {
                    (Some("help" | "version" | "config"), _) => continue,
                    (Some(long), Some(value)) if argument.get_action().takes_values() => {
                        format!("| `--{long} {value}` |")
                    }
                    (Some(long), _) => format!("| `--{long}` |"),
                    (None, value) => format!("| `{}` |", value.unwrap_or_default()),
                };
                let row = section.lines().find(|line| line.starts_with(&cell));
                let row = row.unwrap_or_else(|| panic!("icp {name}: the page must have the row {cell}"));
                let values = argument.get_possible_values();
                let values = values.iter().map(|value| value.get_name().to_owned());
                let defaults = argument.get_default_values().iter().map(|value| value.to_string_lossy());
                for text in values.chain(defaults.map(String::from)).filter(|text| !is_flag_value(text)) {
                    assert!(
                        row.contains(&format!("`{text}`")),
                        "icp {name}: the row must contain {text}: {row}"
                    );
                }
                assert!(
                    !argument.is_required_set() || row.contains("required"),
                    "icp {name}: the row must contain \"required\": {row}"
                );
                option_count += 1;
            }
            let row_count = section.lines().filter(|line| line.starts_with("| `")).count();
            assert_eq!(row_count, option_count, "icp {name}: the page must have no unknown option");
        }
        let headings = REFERENCE.lines().filter_map(|line| line.strip_prefix("## `icp ")?.strip_suffix('`'));
        let headings: BTreeSet<_> = headings.map(str::to_owned).collect();
        assert_eq!(headings, documented, "the page must have one section for each command");
    }

    /// Returns true for the values that clap reports for an option without a value.
    fn is_flag_value(text: &str) -> bool {
        ["true", "false"].contains(&text)
    }
}
