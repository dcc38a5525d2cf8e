use std::process::ExitCode;

use anyhow::{Context, Result};
use icp_testkit::postgres::{Binaries, DATABASE_URL_VARIABLE, Server};

use crate::{install, project, say};

/// Ends as cargo does. The server goes with its `Drop`, or with its guard should we be killed.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if std::env::var(DATABASE_URL_VARIABLE).is_ok_and(|url| !url.is_empty()) {
        say(&format!("using the PostgreSQL server that {DATABASE_URL_VARIABLE} names"));
        return cargo_test(arguments, None);
    }
    let binaries = server_binaries()?;
    say(&format!("using the PostgreSQL programs in {}", binaries.folder().display()));
    let server = Server::start()?;
    say(&format!("started a throwaway server on port {} in {}", server.port(), server.folder().display()));
    let code = cargo_test(arguments, Some(&server.url("postgres")));
    drop(server);
    say("removed the throwaway server");
    code
}

fn server_binaries() -> Result<Binaries> {
    if let Ok(found) = Binaries::find() {
        return Ok(found);
    }
    say("found no PostgreSQL server, installing one");
    install::postgres()?;
    Ok(Binaries::find()?)
}

fn cargo_test(arguments: &[String], server: Option<&str>) -> Result<ExitCode> {
    let arguments = cargo_arguments(arguments);
    say(&format!("cargo {}", arguments.join(" ")));
    let mut command = project::cargo()?;
    command.args(&arguments).envs(server.map(|url| (DATABASE_URL_VARIABLE, url)));
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
