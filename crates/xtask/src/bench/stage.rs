//! Prepares the databases and servers of the benchmark, checks their responses, and measures the scenarios.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::data::{Size, User, body};
use super::load::{pgbench_outcome, script, wrk};
use super::postgres::{Postgres, SERVED, WRITTEN};
use super::requests::{Request, What, requests};
use super::results::{Measured, thousands};
use super::scenarios::{On, Scenario};
use super::server::{Service, command};
use super::usage::{Usage, peak_megabytes, reset_peak};
use crate::{project, say};

const SQLITE: &str = "sqlite://data/bench.sqlite3";
const KEY: &str = "data/development-key.pem";

pub(super) struct Stage {
    /// The folder with the programs `icp`, `peer` and `from-memory`.
    programs: PathBuf,
    size: Size,
    // Rust drops fields in this order. The processes must end before their database and folder are removed.
    services: HashMap<On, Service>,
    pub(super) postgres: Postgres,
    folder: TempDir,
}

impl Stage {
    /// Fills the databases, starts the servers, and checks each response. Also returns the line of [`Stage::fill`].
    pub(super) fn prepare(programs: PathBuf, size: Size, scenarios: &[Scenario]) -> Result<(Self, String)> {
        let folder = tempfile::tempdir().context("creating a temporary folder")?;
        let mut stage =
            Self { programs, size, services: HashMap::new(), postgres: Postgres::start()?, folder };
        say("filling databases");
        let import = stage.fill(scenarios)?;
        let users = stage.users()?;
        say("comparing the response to each request");
        for Scenario { name, on, what, .. } in scenarios.iter().filter(|one| one.on != On::Pgbench) {
            if !stage.services.contains_key(on) {
                stage.services.insert(*on, stage.serve(*on)?);
            }
            stage.check(*on, *what, &users).with_context(|| format!("checking {name}"))?;
        }
        Ok((stage, import))
    }

    /// Fills the databases. Returns a line with the speed of the import and the size of the database.
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer ICPs than 2^52")]
    fn fill(&self, scenarios: &[Scenario]) -> Result<String> {
        let (postgres, any) = (&self.postgres, |need: fn(&Scenario) -> bool| scenarios.iter().any(need));
        let file = postgres.folder().join("icps.jsonl").display().to_string();
        let variables = [self.size.variables(), vec![format!("file={file}")]].concat();
        postgres.run(SERVED, include_str!("sql/data.sql"), &variables)?;
        let start = Instant::now();
        project::run(self.icp(&postgres.url(SERVED)).args(["import", &file]).stdout(Stdio::null()))?;
        let per_second = thousands(self.size.icps as f64 / start.elapsed().as_secs_f64());
        let disk = "VACUUM ANALYZE; SELECT pg_size_pretty(pg_database_size(current_database()))";
        let disk = postgres.run(SERVED, disk, &[])?;
        if any(|scenario| scenario.changes > 0 || scenario.on == On::Written || scenario.what.writes()) {
            postgres.run("postgres", &format!("CREATE DATABASE {WRITTEN} TEMPLATE {SERVED}"), &[])?;
        }
        if any(|scenario| scenario.on == On::Peer) {
            let schema = fs::read_to_string(project::root()?.join("benches/peer/schema.sql"))?;
            postgres.run(SERVED, &schema, &[])?;
        }
        if any(|scenario| scenario.on == On::Sqlite) {
            project::run(self.icp(SQLITE).args(["import", &file]).stdout(Stdio::null()))?;
        }
        postgres.run(SERVED, "CHECKPOINT", &[])?;
        fs::remove_file(file)?;
        Ok(format!("import: {per_second} ICPs/s, {disk} on disk"))
    }

    /// Returns the users who send requests, and writes the bodies that the server `from-memory` returns.
    fn users(&self) -> Result<Vec<User>> {
        // The service creates the key of the development sign-in at its first start. `icp token` needs the key.
        drop(self.serve(On::Sqlite)?);
        let token = |id: &str| project::output(self.icp(SQLITE).args(["token", "--ttl", "1d", "--user", id]));
        let rows = self.postgres.run(SERVED, include_str!("sql/users.sql"), &self.size.variables())?;
        let users = rows.lines().map(|row| User::read(row, token)).collect::<Result<Vec<_>>>()?;
        let bodies = self.folder.path().join("bodies");
        fs::create_dir(&bodies).context("creating a folder")?;
        for user in &users {
            fs::write(bodies.join(&user.kind), body(&user.icps)).context("writing a body")?;
        }
        Ok(users)
    }

    fn icp(&self, url: &str) -> Command {
        let mut command = command(&self.programs, "icp", self.folder.path());
        command.envs([("ICP__SERVER__PORT", "0"), ("ICP__LOG__LEVEL", "warn"), ("ICP__DATABASE__URL", url)]);
        command
    }

    fn serve(&self, on: On) -> Result<Service> {
        let (folder, served) = (self.folder.path(), self.postgres.url(SERVED));
        let (mut command, arguments) = match on {
            On::Peer => (command(&self.programs, "peer", folder), vec![&served, KEY]),
            On::Memory => (command(&self.programs, "from-memory", folder), vec!["bodies"]),
            On::Sqlite => (self.icp(SQLITE), vec!["serve"]),
            On::Written => (self.icp(&self.postgres.url(WRITTEN)), vec!["serve"]),
            _ => (self.icp(&served), vec!["serve"]),
        };
        if matches!(on, On::Uncached | On::UncachedBig) {
            command.env("ICP__SERVER__LIST_CACHE_KILOBYTES", "0");
        }
        Service::start(command.args(arguments), &folder.join(format!("{on:?}.log")))
    }

    /// Checks the response to each request of `what`, and writes the requests to the file that `wrk.lua` reads.
    fn check(&self, on: On, what: What, users: &[User]) -> Result<()> {
        let Service { address, .. } = self.services.get(&on).context("the server is not running")?;
        let requests = if on == On::Memory {
            // `bodies` has one file per kind of user, with the ICPs of the last user of the kind.
            let user = users.iter().rfind(|user| (user.kind == "big") == (what == What::Big));
            let user = user.context("there is no user of this kind")?;
            vec![Request::get(address, &format!("/{}", user.kind), user, body(&user.icps))?]
        } else {
            requests(what, users, address)?
        };
        for (number, request) in requests.iter().enumerate() {
            request.check(number, on != On::Peer)?;
        }
        let lines: String = requests.iter().map(Request::line).collect();
        fs::write(self.folder.path().join(format!("{on:?}-{what:?}")), lines).context("writing requests")
    }

    fn pgbench(&self, what: What, load: &str, seconds: u64) -> Result<Command> {
        let url = self.postgres.url(if what.writes() { WRITTEN } else { SERVED });
        let file = self.folder.path().join(format!("{what:?}.sql"));
        fs::write(&file, script(what).context("no pgbench script")?).context("writing a script")?;
        // The document of a new ICP has 1,100 bytes, about as many as those of `sql/data.sql`.
        let variables = [self.size.variables(), vec![format!("document={}", "x".repeat(1_100))]].concat();
        let mut pgbench = self.postgres.client("pgbench");
        pgbench.args(["-n", "-M", "prepared", "-j", "1", load, "-T", &seconds.to_string()]);
        pgbench.args(variables.iter().flat_map(|variable| ["-D", variable])).arg("-f").arg(file).arg(url);
        Ok(pgbench)
    }

    /// Measures a scenario for `seconds`. The bodies of writes contain different numbers, from `number` on.
    pub(super) fn measure(&self, scenario: &Scenario, seconds: u64, number: u64) -> Result<Measured> {
        let Scenario { on, what, mut connections, changes, .. } = *scenario;
        // The service sends only a few long lists to a user at the same time, and rejects further requests for them.
        if self.size.big > 1_000 && matches!(what, What::Big | What::Mixed) {
            connections = 2;
        }
        if on == On::Written {
            // Updates the planner's statistics, because autovacuum may not have updated them since the last scenario.
            self.postgres.run(WRITTEN, "ANALYZE", &[])?;
        }
        let (service, database) = (self.services.get(&on), self.postgres.id()?);
        let id = service.map(Service::id);
        id.map_or(Ok(()), reset_peak)?;
        let (start, before) = (Instant::now(), Usage::now(id, database)?);
        let mut changing = None;
        if changes > 0 {
            let mut pgbench = self.pgbench(What::Patch, &format!("-R{changes}"), seconds)?;
            changing = Some(pgbench.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        }
        let outcome = if let Some(Service { address, .. }) = service {
            let requests = self.folder.path().join(format!("{on:?}-{what:?}"));
            wrk(&requests, address, connections, seconds, number)?
        } else {
            let mut pgbench = self.pgbench(what, &format!("-c{connections}"), seconds)?;
            pgbench_outcome(&project::output(&mut pgbench)?)?
        };
        let changed = changing.map(|mut pgbench| pgbench.wait()).transpose()?;
        ensure!(changed.is_none_or(|status| status.success()), "pgbench failed to change ICPs");
        // PostgreSQL ends the process of a connection a moment after the connection. Its CPU time is in the result.
        sleep(Duration::from_millis(100));
        let [service_seconds, database_seconds, other] = Usage::now(id, database)?.since(before);
        let microseconds = |seconds: f64| seconds * 1e6 / outcome.operations;
        let figures = [
            Some(outcome.per_second),
            outcome.latencies_ms.map(|[p50, _]| p50),
            outcome.latencies_ms.map(|[_, p99]| p99),
            id.map(|_| microseconds(service_seconds)),
            (!matches!(on, On::Sqlite | On::Memory)).then(|| microseconds(database_seconds)),
            id.map(peak_megabytes).transpose()?,
            Some(other / start.elapsed().as_secs_f64()),
        ];
        Ok(Measured { figures, failed: outcome.failed })
    }
}
