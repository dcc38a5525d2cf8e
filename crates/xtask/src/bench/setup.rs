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
use super::postgres::{Postgres, READ_DATABASE, WRITE_DATABASE};
use super::requests::{Request, RequestKind, requests};
use super::results::{Measurement, thousands};
use super::scenarios::{Scenario, Target};
use super::server::{Service, command};
use super::usage::{Usage, peak_megabytes, reset_peak};
use crate::{project, say};

const SQLITE_URL: &str = "sqlite://data/bench.sqlite3";
const SIGNING_KEY: &str = "data/development-key.pem";

pub(super) struct Setup {
    /// The folder with the programs `icp`, `peer` and `from-memory`.
    programs: PathBuf,
    size: Size,
    // Rust drops fields in this order. The servers must end before their database and their folder are removed.
    services: HashMap<Target, Service>,
    pub(super) postgres: Postgres,
    folder: TempDir,
}

impl Setup {
    /// Fills the databases, starts the servers, and checks each response. Also returns the line of [`Setup::fill`].
    pub(super) fn prepare(programs: PathBuf, size: Size, scenarios: &[Scenario]) -> Result<(Self, String)> {
        let folder = tempfile::tempdir().context("creating a temporary folder")?;
        let mut setup =
            Self { programs, size, services: HashMap::new(), postgres: Postgres::start()?, folder };
        say("filling databases");
        let import = setup.fill(scenarios)?;
        let users = setup.users()?;
        say("comparing the response to each request");
        let on_servers = scenarios.iter().filter(|scenario| scenario.target != Target::Pgbench);
        for Scenario { name, target, request, .. } in on_servers {
            if !setup.services.contains_key(target) {
                setup.services.insert(*target, setup.serve(*target)?);
            }
            setup.check(*target, *request, &users).with_context(|| format!("checking {name}"))?;
        }
        Ok((setup, import))
    }

    /// Fills the databases. Returns a line with the speed of the import and the size of the database.
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer ICPs than 2^52")]
    fn fill(&self, scenarios: &[Scenario]) -> Result<String> {
        let postgres = &self.postgres;
        let uses = |target| scenarios.iter().any(|scenario| scenario.target == target);
        let file = postgres.server.folder().join("icps.jsonl").display().to_string();
        let variables = [self.size.variables(), vec![format!("file={file}")]].concat();
        postgres.run(READ_DATABASE, include_str!("sql/data.sql"), &variables)?;
        let start = Instant::now();
        let read_url = postgres.server.url(READ_DATABASE);
        project::run(self.icp(&read_url).args(["import", &file]).stdout(Stdio::null()))?;
        let per_second = thousands(self.size.icps as f64 / start.elapsed().as_secs_f64());
        let disk = "VACUUM ANALYZE; SELECT pg_size_pretty(pg_database_size(current_database()))";
        let disk = postgres.run(READ_DATABASE, disk, &[])?;
        let writes = scenarios.iter().any(|scenario| scenario.changes > 0 || scenario.request.writes());
        if writes || uses(Target::WriteDatabase) {
            let copy = format!("CREATE DATABASE {WRITE_DATABASE} TEMPLATE {READ_DATABASE}");
            postgres.run("postgres", &copy, &[])?;
        }
        if uses(Target::Peer) {
            let schema = fs::read_to_string(project::root()?.join("benches/peer/schema.sql"))?;
            postgres.run(READ_DATABASE, &schema, &[])?;
        }
        if uses(Target::Sqlite) {
            project::run(self.icp(SQLITE_URL).args(["import", &file]).stdout(Stdio::null()))?;
        }
        postgres.run(READ_DATABASE, "CHECKPOINT", &[])?;
        fs::remove_file(file)?;
        Ok(format!("import: {per_second} ICPs/s, {disk} on disk"))
    }

    /// Returns the users that send requests. Writes the response bodies of the server `from-memory`.
    fn users(&self) -> Result<Vec<User>> {
        // The service creates the key of the development sign-in at its first start. `icp token` needs the key.
        drop(self.serve(Target::Sqlite)?);
        let token =
            |id: &str| project::output(self.icp(SQLITE_URL).args(["token", "--ttl=1d", "--user", id]));
        let rows = self.postgres.run(READ_DATABASE, include_str!("sql/users.sql"), &self.size.variables())?;
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

    fn serve(&self, target: Target) -> Result<Service> {
        let (folder, read_url) = (self.folder.path(), self.postgres.server.url(READ_DATABASE));
        let (mut command, arguments) = match target {
            Target::Peer => (command(&self.programs, "peer", folder), vec![&read_url, SIGNING_KEY]),
            Target::Memory => (command(&self.programs, "from-memory", folder), vec!["bodies"]),
            Target::Sqlite => (self.icp(SQLITE_URL), vec!["serve"]),
            Target::WriteDatabase => (self.icp(&self.postgres.server.url(WRITE_DATABASE)), vec!["serve"]),
            _ => (self.icp(&read_url), vec!["serve"]),
        };
        if matches!(target, Target::Uncached | Target::UncachedBig) {
            command.env("ICP__SERVER__LIST_CACHE_KILOBYTES", "0");
        }
        Service::start(command.args(arguments), &folder.join(format!("{target:?}.log")))
    }

    /// Checks the response to each request of a kind, and writes the requests to the file that `wrk.lua` reads.
    fn check(&self, target: Target, kind: RequestKind, users: &[User]) -> Result<()> {
        let Service { address, .. } = self.services.get(&target).context("the server is not running")?;
        let requests = if target == Target::Memory {
            // `bodies` has one file per kind of user, with the ICPs of the last user of the kind.
            let user = users.iter().rfind(|user| (user.kind == "big") == (kind == RequestKind::Big));
            let user = user.context("there is no user of this kind")?;
            vec![Request::get(address, &format!("/{}", user.kind), user, body(&user.icps))?]
        } else {
            requests(kind, users, address)?
        };
        for (number, request) in requests.iter().enumerate() {
            request.check(number, target != Target::Peer)?;
        }
        let lines: String = requests.iter().map(Request::line).collect();
        fs::write(self.folder.path().join(format!("{target:?}-{kind:?}")), lines).context("writing requests")
    }

    fn pgbench(&self, kind: RequestKind, load: &str, seconds: u64) -> Result<Command> {
        let url = self.postgres.server.url(if kind.writes() { WRITE_DATABASE } else { READ_DATABASE });
        let file = self.folder.path().join(format!("{kind:?}.sql"));
        fs::write(&file, script(kind).context("no pgbench script")?).context("writing a script")?;
        // The document of a new ICP has 1,100 bytes, like the documents that `sql/data.sql` generates.
        let variables = [self.size.variables(), vec![format!("document={}", "x".repeat(1_100))]].concat();
        let mut pgbench = self.postgres.client("pgbench");
        pgbench.args(["-n", "-M", "prepared", "-j", "1", load, "-T", &seconds.to_string()]);
        pgbench.args(variables.iter().flat_map(|variable| ["-D", variable])).arg("-f").arg(file).arg(url);
        Ok(pgbench)
    }

    /// Measures a scenario for `seconds`. Each write contains a different number, counting from `number`.
    pub(super) fn measure(&self, scenario: &Scenario, seconds: u64, number: u64) -> Result<Measurement> {
        let Scenario { target, request: kind, mut connections, changes, .. } = *scenario;
        // The service sends only a few long lists to a user at the same time, and rejects further requests for them.
        if self.size.big > 1_000 && matches!(kind, RequestKind::Big | RequestKind::Mixed) {
            connections = 2;
        }
        if target == Target::WriteDatabase {
            // Updates the planner's statistics, because autovacuum may not have updated them since the last scenario.
            self.postgres.run(WRITE_DATABASE, "ANALYZE", &[])?;
        }
        let (service, database) = (self.services.get(&target), self.postgres.id()?);
        let id = service.map(Service::id);
        id.map_or(Ok(()), reset_peak)?;
        let (start, before) = (Instant::now(), Usage::now(id, database)?);
        let mut changing = None;
        if changes > 0 {
            let mut pgbench = self.pgbench(RequestKind::Patch, &format!("-R{changes}"), seconds)?;
            changing = Some(pgbench.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        }
        let outcome = if let Some(Service { address, .. }) = service {
            let requests = self.folder.path().join(format!("{target:?}-{kind:?}"));
            wrk(&requests, address, connections, seconds, number)?
        } else {
            let mut pgbench = self.pgbench(kind, &format!("-c{connections}"), seconds)?;
            pgbench_outcome(&project::output(&mut pgbench)?)?
        };
        let changed = changing.map(|mut pgbench| pgbench.wait()).transpose()?;
        ensure!(changed.is_none_or(|status| status.success()), "pgbench failed to change ICPs");
        // PostgreSQL ends the process of a closed connection a moment later, and only then reports its CPU time.
        sleep(Duration::from_millis(100));
        let [service_seconds, database_seconds, other] = Usage::now(id, database)?.since(before);
        let microseconds = |seconds: f64| seconds * 1e6 / outcome.operations;
        let figures = [
            Some(outcome.per_second),
            outcome.latencies_ms.map(|[p50, _]| p50),
            outcome.latencies_ms.map(|[_, p99]| p99),
            id.map(|_| microseconds(service_seconds)),
            (!matches!(target, Target::Sqlite | Target::Memory)).then(|| microseconds(database_seconds)),
            id.map(peak_megabytes).transpose()?,
            Some(other / start.elapsed().as_secs_f64()),
        ];
        Ok(Measurement { figures, failed: outcome.failed })
    }
}
