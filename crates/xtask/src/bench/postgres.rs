//! The throwaway PostgreSQL server.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use icp_test_postgres::{Binaries, Server, ServerOptions};

use crate::install::{POSTGRES, find_or_install};
use crate::project;

/// The database that no scenario changes.
pub(super) const READ_DATABASE: &str = "served";
/// A copy of [`READ_DATABASE`] for the scenarios that write, and for `small, after writes`.
pub(super) const WRITE_DATABASE: &str = "written";

pub(super) struct Postgres {
    pub(super) server: Server,
    programs: PathBuf,
}

impl Postgres {
    /// Starts a server that flushes commits to disk, as in production.
    pub(super) fn start() -> Result<Self> {
        let binaries = find_or_install(&POSTGRES, || Binaries::find().ok())?;
        let server = Server::start_with(ServerOptions { durable: true })?;
        server.execute(&format!("CREATE DATABASE {READ_DATABASE}"))?;
        Ok(Self { server, programs: binaries.folder().to_owned() })
    }

    /// Returns the ID of the first process of the server. Its other processes are children of this process.
    pub(super) fn id(&self) -> Result<u32> {
        self.server.pid().context("PostgreSQL has ended")
    }

    /// Returns the command of a client program, which is in the folder of the server's programs.
    pub(super) fn client(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    /// Runs statements with variables, and returns their output.
    pub(super) fn run(&self, database: &str, statements: &str, variables: &[String]) -> Result<String> {
        let file = self.server.folder().join("statements.sql");
        fs::write(&file, statements).context("writing statements")?;
        let mut psql = self.client("psql");
        psql.args(["-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1"]);
        psql.args(variables.iter().flat_map(|variable| ["-v", variable])).arg("-f").arg(file);
        project::output(psql.arg(self.server.url(database)))
    }
}
