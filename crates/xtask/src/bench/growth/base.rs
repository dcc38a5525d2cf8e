//! A database of so many ICPs: filled, served, and removed at once when it has been measured.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Serialize;
use tempfile::TempDir;

use super::super::costs::{Watched, each};
use super::super::measure::Measured;
use super::super::postgres::Postgres;
use super::super::processes::{Meter, peak_megabytes};
use super::super::service::{Programs, Service};
use super::teams::Layout;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Database {
    Postgres,
    Sqlite,
}

impl Database {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }
}

/// What all databases share. The server goes with it, and with it all that it holds.
pub(super) struct Ground {
    pub(super) programs: Programs,
    pub(super) meter: Meter,
    pub(super) postgres: Option<Postgres>,
    pub(super) folder: TempDir,
}

pub(super) struct Base<'a> {
    pub(super) ground: &'a Ground,
    /// There for PostgreSQL alone.
    postgres: Option<&'a Postgres>,
    url: String,
}

const NAME: &str = "growth";
/// Records between two looks at the memory of who reads them.
const LOOK: usize = 2_000;
const MOMENT: Duration = Duration::from_millis(10);

impl<'a> Base<'a> {
    pub(super) fn create(ground: &'a Ground, database: Database) -> Result<Self> {
        let (postgres, url) = match database {
            Database::Postgres => {
                let postgres = ground.postgres.as_ref().context("PostgreSQL was not started")?;
                postgres.create(NAME)?;
                (Some(postgres), postgres.url(NAME))
            }
            Database::Sqlite => (None, format!("sqlite://data/{NAME}.sqlite3")),
        };
        Ok(Self { ground, postgres, url })
    }

    /// Imports everything from a stream, and has PostgreSQL do what it would do by itself a little later.
    #[expect(clippy::cast_precision_loss, reason = "ICPs are far fewer than 2^52")]
    pub(super) fn fill(&self, layout: &Layout, read: impl Fn(u64)) -> Result<Measured> {
        let (peak, costs) = self.watched(None)?.costs_of(|| self.import(layout, read))?;
        self.settle()?;
        Ok(Measured {
            per_second: layout.icps as f64 / costs.elapsed,
            service_us: Some(each(costs.programs, layout.icps)),
            database_us: self.postgres.map(|_| each(costs.database, layout.icps)),
            peak_mb: Some(peak),
            other_cpus: costs.other(),
            ..Measured::default()
        })
    }

    /// The most memory that it took, in MB.
    fn import(&self, layout: &Layout, read: impl Fn(u64)) -> Result<f64> {
        let log = self.ground.folder.path().join("import.log");
        let mut command =
            self.ground.programs.icp(self.ground.folder.path(), &[("ICP__DATABASE__URL", &self.url)]);
        command.args(["import", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
        command.stderr(File::create(&log).context("making the import's log")?);
        let mut import = Import { child: command.spawn().context("starting the import")?, peak: 0.0 };
        let written = import.write(layout, read);
        let succeeded = import.finish()?;
        let said = || fs::read_to_string(&log).unwrap_or_default();
        match written {
            Ok(()) if succeeded => Ok(import.peak),
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(error).context("writing to the import")
            }
            _ => bail!("the import failed: {}", said()),
        }
    }

    /// What autovacuum does when much was written: plans follow what is there, and what is read is not written any more.
    pub(super) fn settle(&self) -> Result<()> {
        self.postgres.map_or(Ok(()), |postgres| postgres.settle(NAME))
    }

    /// The part of it that a database can do at any time.
    pub(super) fn analyze(&self) -> Result<()> {
        self.postgres.map_or(Ok(()), |postgres| postgres.run(NAME, &["ANALYZE"]).map(drop))
    }

    /// A service that reads each list: one that is kept costs the same however many ICPs there are.
    pub(super) fn serve(&self) -> Result<Service> {
        self.ground.programs.serve_forgetful(self.ground.folder.path(), &self.url, "growth.log")
    }

    pub(super) fn watched(&self, service: Option<u32>) -> Result<Watched> {
        let database = self.postgres.map(Postgres::id).transpose()?;
        Ok(Watched { meter: self.ground.meter, service, database })
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes are far fewer than 2^52")]
    pub(super) fn disk_megabytes(&self) -> Result<f64> {
        let bytes: u64 = match self.postgres {
            Some(postgres) => {
                let size = postgres.run(NAME, &["SELECT pg_database_size(current_database())"])?;
                size.trim().parse().context("the server says no size")?
            }
            None => {
                self.files().iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum()
            }
        };
        Ok(bytes as f64 / f64::from(1 << 20))
    }

    /// At once: the largest takes gigabytes. No service may be connected.
    pub(super) fn remove(self) -> Result<()> {
        if let Some(postgres) = self.postgres {
            return postgres.run("postgres", &[&format!("DROP DATABASE {NAME}"), "CHECKPOINT"]).map(drop);
        }
        for file in self.files() {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("removing {}", file.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn files(&self) -> [PathBuf; 3] {
        let data = self.ground.folder.path().join("data");
        ["", "-wal", "-shm"].map(|end| Path::new(&data).join(format!("{NAME}.sqlite3{end}")))
    }
}

struct Import {
    child: Child,
    peak: f64,
}

impl Import {
    fn write(&mut self, layout: &Layout, read: impl Fn(u64)) -> std::io::Result<()> {
        let Some(input) = self.child.stdin.take() else { return Ok(()) };
        let mut input = BufWriter::with_capacity(1 << 16, input);
        for (number, icp) in layout.all().enumerate() {
            input.write_all(icp.json.as_bytes())?;
            input.write_all(b"\n")?;
            if number % LOOK == 0 {
                self.look();
                read(number as u64);
            }
        }
        input.flush()
    }

    /// Waits for its end.
    fn finish(&mut self) -> Result<bool> {
        loop {
            self.look();
            if let Some(status) = self.child.try_wait().context("waiting for the import")? {
                return Ok(status.success());
            }
            sleep(MOMENT);
        }
    }

    /// One that has ended has no memory any more.
    fn look(&mut self) {
        self.peak = peak_megabytes(self.child.id()).map_or(self.peak, |peak| peak.max(self.peak));
    }
}
