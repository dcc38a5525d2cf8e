//! The throwaway server, and databases on it that do not get into one another's way.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use icp_test_postgres::{Binaries, Server, ServerOptions};

use crate::install::{self, POSTGRES};
use crate::project;

/// What the service serves.
pub(super) const SERVED: &str = "served";
/// What the service writes into.
pub(super) const WRITTEN: &str = "written";
/// What pgbench writes into; it reads what is served.
pub(super) const LIMITS: &str = "limits";
/// What is filled again and again.
pub(super) const FILLED: &str = "filled";

const TABLES: [&str; 2] = ["icps", "icp_members"];

pub(super) struct Postgres {
    pub(super) server: Server,
    psql: PathBuf,
    pub(super) pgbench: PathBuf,
}

impl Postgres {
    /// It flushes what is committed, as a server in production does.
    pub(super) fn start() -> Result<Self> {
        let binaries = Binaries::find().or_else(|_| {
            install::install(&POSTGRES)?;
            Ok::<_, anyhow::Error>(Binaries::find()?)
        })?;
        let (psql, pgbench) = (program(&binaries, "psql")?, program(&binaries, "pgbench")?);
        let server = Server::start_with(ServerOptions { durable: true })?;
        Ok(Self { server, psql, pgbench })
    }

    pub(super) fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    pub(super) fn id(&self) -> Result<u32> {
        self.server.pid().context("PostgreSQL has ended")
    }

    /// The server's version, such as `PostgreSQL 15.6`.
    pub(super) fn version(&self) -> Result<String> {
        let version = self.run("postgres", &["SHOW server_version"])?;
        Ok(format!("PostgreSQL {}", version.split_whitespace().next().unwrap_or_default()))
    }

    /// Runs statements one by one.
    pub(super) fn run(&self, database: &str, statements: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.psql);
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1"]);
        for statement in statements {
            command.args(["-c", statement]);
        }
        project::output(command.arg(self.url(database)))
    }

    pub(super) fn create(&self, database: &str) -> Result<()> {
        self.run("postgres", &[&format!("CREATE DATABASE {database}")]).map(drop)
    }

    /// With what there is in the first, to which nobody may be connected.
    pub(super) fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.run("postgres", &[&format!("CREATE DATABASE {to} TEMPLATE {from}")]).map(drop)
    }

    /// Settles what was written, so that the cost of it does not fall on what is measured next.
    pub(super) fn settle(&self, database: &str) -> Result<()> {
        self.run(database, &["VACUUM ANALYZE", "CHECKPOINT"]).map(drop)
    }

    /// Writes the tables to files, for [`Self::copy_in`].
    pub(super) fn copy_out(&self, database: &str) -> Result<()> {
        for table in TABLES {
            self.run(database, &[&format!("COPY {table} TO '{}'", self.file(table))])?;
        }
        Ok(())
    }

    pub(super) fn empty(&self, database: &str) -> Result<()> {
        self.run(database, &["TRUNCATE icps, icp_members", "CHECKPOINT"]).map(drop)
    }

    /// Fills empty tables, in one transaction.
    pub(super) fn copy_in(&self, database: &str) -> Result<()> {
        let copies = TABLES.map(|table| format!("COPY {table} FROM '{}'", self.file(table)));
        let [icps, members] = copies.each_ref().map(String::as_str);
        self.run(database, &["BEGIN", icps, members, "COMMIT"]).map(drop)
    }

    /// Where the server may write.
    fn file(&self, table: &str) -> String {
        self.server.folder().join(format!("{table}.copy")).display().to_string()
    }
}

/// Beside the server's programs, or elsewhere: some systems part them.
fn program(binaries: &Binaries, name: &str) -> Result<PathBuf> {
    let beside = Some(binaries.folder().join(name)).filter(|path: &PathBuf| Path::is_file(path));
    match beside.or_else(|| install::find(name)) {
        Some(program) => Ok(program),
        None => bail!("{name} is missing: install PostgreSQL's clients and contributed programs"),
    }
}
