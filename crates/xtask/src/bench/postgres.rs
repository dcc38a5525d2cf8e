//! The throwaway PostgreSQL server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use icp_test_postgres::{Binaries, Server, ServerOptions};

use crate::install::{POSTGRES, find_or_install};
use crate::project;

/// The database that everything reads.
pub(super) const SERVED: &str = "served";
/// Its copy for writes, so that reads find the same data in every round.
pub(super) const WRITTEN: &str = "written";

pub(super) struct Postgres {
    server: Server,
    programs: PathBuf,
}

impl Postgres {
    /// The server flushes commits to disk, as in production.
    pub(super) fn start() -> Result<Self> {
        let binaries = find_or_install(&POSTGRES, || Binaries::find().ok())?;
        let server = Server::start_with(ServerOptions { durable: true })?;
        server.execute(&format!("CREATE DATABASE {SERVED}"))?;
        Ok(Self { server, programs: binaries.folder().to_owned() })
    }

    pub(super) fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    /// The process that all others of the server are children of.
    pub(super) fn id(&self) -> Result<u32> {
        self.server.pid().context("PostgreSQL has ended")
    }

    /// A folder that the server can write.
    pub(super) fn folder(&self) -> &Path {
        self.server.folder()
    }

    /// Returns the command of a client program, which is in the same folder as the server's.
    pub(super) fn client(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    /// Runs statements with variables, and returns their output.
    pub(super) fn run(&self, database: &str, statements: &str, variables: &[String]) -> Result<String> {
        let file = self.folder().join("statements.sql");
        fs::write(&file, statements).context("writing statements")?;
        let mut psql = self.client("psql");
        psql.args(["-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1"]);
        psql.args(variables.iter().flat_map(|variable| ["-v", variable])).arg("-f").arg(file);
        project::output(psql.arg(self.url(database)))
    }
}
