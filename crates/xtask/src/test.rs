use std::process::ExitCode;

use anyhow::{Context, Result};
use icp_test_postgres::{Binaries, DATABASE_URL_VARIABLE, Server};

use crate::tools::{self, Variable};
use crate::{install, project, say};

/// The ignored tests, one at a time: some of them measure what others would disturb. The whole workspace is named because cargo
/// would build its crates again, with other features, for some of them.
const BEYOND_RUST: [&str; 8] =
    ["test", "--no-fail-fast", "--workspace", "--test", "it", "--", "--ignored", "--test-threads=1"];

/// Ends as cargo does.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    on_a_server(|server| cargo(&cargo_arguments(arguments), server))
}

/// Those that need Node, Python, a browser or a pooler.
pub(crate) fn clients(arguments: &[String]) -> Result<ExitCode> {
    let tools = tools::prepare()?;
    on_a_server(|server| cargo_clients(arguments, &[server, &tools].concat()))
}

/// All of both; what is missing is missed at once, not after half an hour.
pub(crate) fn all() -> Result<ExitCode> {
    let tools = tools::prepare()?;
    on_a_server(|server| {
        let code = cargo(&cargo_arguments(&[]), server)?;
        let clients = cargo_clients(&[], &[server, &tools].concat())?;
        Ok(if code == ExitCode::SUCCESS { clients } else { code })
    })
}

/// The server goes with its `Drop`, or with its guard should we be killed.
fn on_a_server(test: impl FnOnce(&[Variable]) -> Result<ExitCode>) -> Result<ExitCode> {
    if std::env::var(DATABASE_URL_VARIABLE).is_ok_and(|url| !url.is_empty()) {
        say(&format!("using the PostgreSQL server that {DATABASE_URL_VARIABLE} names"));
        return test(&[]);
    }
    let binaries = server_binaries()?;
    say(&format!("using the PostgreSQL programs in {}", binaries.folder().display()));
    let server = Server::start()?;
    say(&format!("started a throwaway server on port {} in {}", server.port(), server.folder().display()));
    let code = test(&[(DATABASE_URL_VARIABLE, server.url("postgres").into())]);
    drop(server);
    say("removed the throwaway server");
    code
}

fn server_binaries() -> Result<Binaries> {
    if let Ok(found) = Binaries::find() {
        return Ok(found);
    }
    install::install(&install::POSTGRES)?;
    Ok(Binaries::find()?)
}

fn cargo_clients(arguments: &[String], variables: &[Variable]) -> Result<ExitCode> {
    let arguments = BEYOND_RUST.into_iter().chain(arguments.iter().map(String::as_str));
    cargo(&arguments.collect::<Vec<_>>(), variables)
}

fn cargo(arguments: &[&str], variables: &[Variable]) -> Result<ExitCode> {
    say(&format!("cargo {}", arguments.join(" ")));
    let mut command = project::cargo()?;
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    let status = command.status().context("running cargo test")?;
    // A cargo that a signal ended has no code.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Everything, unless the caller names crates: cargo takes `--workspace` for the stronger word.
fn cargo_arguments(given: &[String]) -> Vec<&str> {
    let for_cargo = given.iter().take_while(|argument| *argument != "--");
    let selects = for_cargo.into_iter().any(|argument| selects_crates(argument));
    let workspace = (!selects).then_some("--workspace");
    ["test"].into_iter().chain(workspace).chain(given.iter().map(String::as_str)).collect()
}

fn selects_crates(argument: &str) -> bool {
    let short = argument.starts_with("-p") && !argument.starts_with("--");
    short
        || ["--package", "--workspace", "--all", "--manifest-path"].iter().any(|name| {
            argument.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(given: &[&str]) -> String {
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        cargo_arguments(&given).join(" ")
    }

    #[test]
    fn every_crate_is_tested_unless_some_are_named() {
        assert_eq!(arguments(&[]), "test --workspace");
        assert_eq!(arguments(&["some_test"]), "test --workspace some_test");
        assert_eq!(arguments(&["-p", "icp-domain"]), "test -p icp-domain");
        assert_eq!(arguments(&["-picp-domain"]), "test -picp-domain");
        assert_eq!(arguments(&["--package=icp-domain"]), "test --package=icp-domain");
        assert_eq!(arguments(&["--all-features"]), "test --workspace --all-features");
    }

    #[test]
    fn what_is_for_the_tests_themselves_names_no_crate() {
        assert_eq!(arguments(&["--", "-p"]), "test --workspace -- -p");
    }
}
