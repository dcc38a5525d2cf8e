//! Everything that is measured, at work and checked.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::data::Data;
use super::http::{Request, send};
use super::pgbench::{self, Pgbench, Sample, Script};
use super::postgres::{FILLED, LIMITS, Postgres, SERVED, WRITTEN};
use super::processes::Meter;
use super::requests::{self, What};
use super::scenarios::{On, Scenario, Work};
use super::service::{Programs, Service};
use super::statements::{self, Statement};
use super::tokens::{self, Tokens};
use super::wrk::Requests;
use crate::{project, say};

const SQLITE: &str = "sqlite://data/bench.sqlite3";
const FILE: &str = "icps.jsonl";

pub(super) struct Stage {
    pub(super) meter: Meter,
    pub(super) requests: HashMap<(On, What), Requests>,
    pub(super) scripts: HashMap<Script, PathBuf>,
    pub(super) pgbench: Pgbench,
    pub(super) rows: u64,
    services: HashMap<On, Service>,
    programs: Programs,
    // The processes above go before what they work on.
    pub(super) postgres: Postgres,
    folder: TempDir,
}

impl Stage {
    pub(super) fn set(programs: Programs, data: &Data, scenarios: &[Scenario]) -> Result<Self> {
        let meter = Meter::new()?;
        let folder = tempfile::tempdir().context("making a temporary folder")?;
        fs::write(folder.path().join(FILE), data.lines()).context("writing what is imported")?;
        say("filling databases");
        let postgres = Postgres::start()?;
        fill(&programs, folder.path(), &postgres)?;
        let services = serve(&programs, folder.path(), &postgres, data)?;
        let pgbench = Pgbench {
            program: postgres.pgbench.clone(),
            read: postgres.url(SERVED),
            written: postgres.url(LIMITS),
            document: data.of(&Data::big_user()).first().map(|icp| icp.json.clone()).unwrap_or_default(),
        };
        let (requests, scripts, rows) = (HashMap::new(), HashMap::new(), data.size().icps);
        let mut stage =
            Self { meter, requests, scripts, pgbench, rows, services, programs, postgres, folder };
        say("making tokens");
        let users = [data.readers(), data.writers(), vec![Data::big_user()]].concat();
        let tokens = tokens::make(&stage.programs, stage.folder.path(), &users)?;
        say("checking the answer to each request");
        stage.check(data, &tokens, scenarios)?;
        stage.script(data, &tokens)?;
        Ok(stage)
    }

    pub(super) fn service(&self, on: On) -> Result<&Service> {
        self.services.get(&on).with_context(|| format!("nothing runs on {on:?}"))
    }

    /// What the scenario's service says of its failures so far.
    pub(super) fn failures(&self, scenario: &Scenario) -> String {
        let Work::Requests { on, .. } = scenario.work else { return String::new() };
        self.services.get(&on).map(Service::failures).unwrap_or_default()
    }

    /// The command that fills [`FILLED`].
    pub(super) fn import(&self) -> Command {
        import(&self.programs, self.folder.path(), &self.postgres.url(FILLED))
    }

    fn check(&mut self, data: &Data, tokens: &Tokens, scenarios: &[Scenario]) -> Result<()> {
        for scenario in scenarios {
            let Work::Requests { on, what, .. } = scenario.work else { continue };
            let address = self.service(on)?.address();
            let expected = requests::of(what, data, tokens, address)?;
            let bytes = requests::check(address, &expected)
                .with_context(|| format!("{}: a wrong answer", scenario.name))?;
            let all: Vec<Request> = expected.into_iter().map(|one| one.request).collect();
            let written = Requests::write(self.folder.path(), &format!("{on:?}-{what:?}"), &all, bytes)?;
            self.requests.insert((on, what), written);
        }
        Ok(())
    }

    /// The queries are those that the service sends, as the server logs them.
    fn script(&mut self, data: &Data, tokens: &Tokens) -> Result<()> {
        let readers = data.readers();
        let user = readers.first().context("there are readers")?;
        let icp = data.of(user).first().map(|icp| icp.id.clone()).context("they have ICPs")?;
        self.postgres.server.set("log_statement", "all")?;
        let mut scripts = vec![
            (Script::Create, pgbench::create(data.size())),
            (Script::Patch, pgbench::patch(data.size())),
        ];
        for (script, what, on, id) in [
            (Script::Small, What::Small, On::PostgresForgetful, None),
            // A service that was asked before knows the version, and sends no query on ICPs.
            (Script::Conditional, What::Conditional, On::PostgresForgetful, None),
            (Script::Get, What::Get, On::Postgres, Some(icp.as_str())),
        ] {
            let address = self.service(on)?.address().to_owned();
            let all = requests::of(what, data, tokens, &address)?;
            let request = &all.first().context("there are requests")?.request;
            let statement = self.logged(&address, request)?;
            scripts.push((script, pgbench::query(&Sample { statement, user, id }, data.size())?));
        }
        self.postgres.server.set("log_statement", "none")?;
        for (script, text) in scripts {
            self.scripts.insert(script, pgbench::write(self.folder.path(), script, &text)?);
        }
        Ok(())
    }

    /// The query that comes of a request. It takes a moment until the server logs.
    fn logged(&self, address: &str, request: &Request) -> Result<Statement> {
        let before = self.postgres.server.log().len();
        for _ in 0..100 {
            send(address, request)?;
            sleep(Duration::from_millis(50));
            let log = self.postgres.server.log();
            if let Ok(statement) = statements::first_query(log.get(before..).unwrap_or_default()) {
                return Ok(statement);
            }
        }
        bail!("PostgreSQL logs no query for {} {}", request.method, request.path)
    }
}

fn fill(programs: &Programs, folder: &Path, postgres: &Postgres) -> Result<()> {
    postgres.create(SERVED)?;
    for url in [&postgres.url(SERVED), SQLITE] {
        project::output(&mut import(programs, folder, url))?;
    }
    postgres.settle(SERVED)?;
    for copy in [WRITTEN, LIMITS, FILLED] {
        postgres.copy(SERVED, copy)?;
    }
    postgres.copy_out(FILLED)
}

fn import(programs: &Programs, folder: &Path, url: &str) -> Command {
    let mut command = programs.icp(folder, &[("ICP__DATABASE__URL", url)]);
    command.args(["import", FILE]);
    command
}

fn serve(
    programs: &Programs,
    folder: &Path,
    postgres: &Postgres,
    data: &Data,
) -> Result<HashMap<On, Service>> {
    let mut services = HashMap::new();
    let (served, written) = (postgres.url(SERVED), postgres.url(WRITTEN));
    for (on, url) in [
        (On::Postgres, served.as_str()),
        (On::PostgresBig, &served),
        (On::PostgresWritten, &written),
        (On::Sqlite, SQLITE),
        (On::SqliteBig, SQLITE),
    ] {
        services.insert(on, programs.serve(folder, url, &format!("{on:?}.log"))?);
    }
    let forgetful = programs.serve_forgetful(folder, &served, "PostgresForgetful.log")?;
    services.insert(On::PostgresForgetful, forgetful);
    let bodies = folder.join("bodies");
    fs::create_dir(&bodies).context("making a folder")?;
    for name in ["small", "big"] {
        fs::write(bodies.join(name), requests::body_from_memory(data, name)).context("writing a body")?;
    }
    services.insert(On::Memory, Service::start(programs.memory(&bodies), &folder.join("memory.log"))?);
    Ok(services)
}
