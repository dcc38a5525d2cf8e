//! What an operation costs as there are more ICPs, as a user has more, and as an ICP has more users.
//! `docs/performance.md` says how to read it.

mod base;
mod few;
mod operations;
mod report;
mod teams;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use icp_ports::{Clock as _, SystemClock};
use indicatif::{ProgressBar, ProgressStyle};

use self::base::{Base, Database, Ground};
use self::operations::Operation;
use self::report::{Report, Row, What};
use self::teams::{Layout, Scale, Teams};
use super::http::Request;
use super::machine::{Machine, Versions};
use super::measure::{Measured, served};
use super::postgres::Postgres;
use super::processes::Meter;
use super::requests::check;
use super::results::{medians, write};
use super::service::Programs;
use super::tokens::{self, Tokens};
use super::wrk::{self, Requests};
use crate::{project, say, tools, verdict};

const RESULT: &str = "bench/growth.json";
const QUICK: [u64; 2] = [1_500, 3_000];

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Numbers of ICPs; a million takes a minute to import, and 1.5 GB of disk
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_values_t = [10_000, 1_000_000])]
    sizes: Vec<u64>,
    /// How often each is measured; medians count
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long each measurement takes
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=30))]
    seconds: u16,
    /// Measure nothing but what has one of these words in its name, and imports
    #[arg(long, value_name = "WORD")]
    only: Vec<String>,
    /// Measure on this database alone
    #[arg(long, value_enum)]
    on: Option<Database>,
    /// Take `icp` from there and build nothing
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Show that all of this works, on few ICPs and a debug build, whose figures mean nothing
    #[arg(long, conflicts_with_all = ["sizes", "rounds", "seconds"])]
    quick: bool,
}

struct Growth {
    options: Options,
    scale: Scale,
    tokens: Tokens,
    bar: ProgressBar,
    ground: Ground,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let (growth, mut report) = Growth::prepare(options)?;
    let file = project::target()?.join(RESULT);
    let mut sizes = growth.options.sizes.clone();
    sizes.sort_unstable();
    for size in sizes {
        for database in [Database::Postgres, Database::Sqlite] {
            if growth.is_wanted(database, size) {
                growth.measure(database, size, &mut report.rows)?;
                // Whatever becomes of the larger ones.
                write(&report, &file)?;
            }
        }
    }
    growth.bar.finish_and_clear();
    println!("\n{}", report.table());
    say(&format!("wrote {}", file.display()));
    if let Some(others) = report.much_else() {
        say(&format!("something else used {others:.1} CPUs meanwhile: the service can do more than this"));
    }
    if !report.is_sound() {
        say("some requests failed, and so has this run");
    }
    Ok(verdict(report.is_sound()))
}

impl Growth {
    fn prepare(options: &Options) -> Result<(Self, Report)> {
        let (mut options, mut scale) = (options.clone(), Scale::FULL);
        if options.quick {
            options = Options { sizes: QUICK.to_vec(), rounds: 1, ..options };
            scale = Scale::QUICK;
        }
        let layouts: Result<Vec<_>> = options.sizes.iter().map(|size| Layout::of(scale, *size)).collect();
        let mut users: Vec<_> =
            layouts?.iter().flat_map(|layout| layout.users().collect::<Vec<_>>()).collect();
        users.sort_unstable();
        users.dedup();
        tools::load_generator()?;
        let programs = match &options.programs {
            Some(folder) => Programs::given(folder)?,
            None => Programs::build(!options.quick)?,
        };
        let postgres = (options.on != Some(Database::Sqlite)).then(Postgres::start).transpose()?;
        let server = postgres.as_ref().map(Postgres::version).transpose()?.unwrap_or_default();
        let report = Report {
            date: SystemClock.now().to_string(),
            machine: Machine::this(),
            versions: Versions::of(programs.profile, server),
            rounds: options.rounds,
            seconds: options.seconds,
            rows: Vec::new(),
        };
        let folder = tempfile::tempdir().context("making a temporary folder")?;
        say("making tokens");
        let tokens = tokens::make(&programs, folder.path(), &users)?;
        let bar = ProgressBar::new(0)
            .with_style(ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} {msg:40}")?);
        let ground = Ground { programs, meter: Meter::new()?, postgres, folder };
        Ok((Self { options, scale, tokens, bar, ground }, report))
    }

    fn is_wanted(&self, database: Database, size: u64) -> bool {
        self.options.on.is_none_or(|on| on == database)
            && (database == Database::Postgres || size <= self.scale.all_of_it)
    }

    /// All that is to be known of so many ICPs on a database.
    fn measure(&self, database: Database, size: u64, rows: &mut Vec<Row>) -> Result<()> {
        let layout = Layout::of(self.scale, size)?;
        let base = Base::create(&self.ground, database)?;
        let what = What { database, operation: Operation::Import, kind: None };
        self.bar.set_length(size);
        self.bar.set_message(what.name());
        let measured = base.fill(&layout, |read| self.bar.set_position(read))?;
        rows.push(Row { what, icps: size, measured, disk_mb: Some(base.disk_megabytes()?) });
        let chosen = self.chosen(database, &layout);
        self.bar.set_length(chosen.len() as u64);
        self.bar.set_position(0);
        for (what, teams) in chosen {
            self.bar.set_message(what.name());
            let measured = self.operation(&base, what.operation, teams, rows.len() as u64 * 1_000_000_000);
            let measured = measured.with_context(|| format!("measuring {} among {size}", what.name()))?;
            rows.push(Row { what, icps: size, measured, disk_mb: None });
            self.bar.inc(1);
        }
        base.remove()
    }

    fn chosen<'a>(&self, database: Database, layout: &'a Layout) -> Vec<(What, &'a Teams)> {
        let words = &self.options.only;
        let all = Operation::ALL.into_iter().flat_map(|operation| {
            let what = move |teams: &Teams| What { database, operation, kind: Some(teams.kind) };
            layout.teams.iter().map(move |teams| (what(teams), teams))
        });
        all.filter(|(what, teams)| {
            what.operation.is_measured_for(teams.kind)
                && (layout.icps <= self.scale.all_of_it || what.operation == Operation::List)
                && (words.is_empty() || words.iter().any(|word| what.name().contains(word.as_str())))
        })
        .collect()
    }

    /// By a service of its own, so that it starts with no more memory than it needs. `number` is where the numbers begin that
    /// make each change another.
    fn operation(
        &self,
        base: &Base<'_>,
        operation: Operation,
        teams: &Teams,
        number: u64,
    ) -> Result<Measured> {
        if operation.writes() {
            base.analyze()?;
        }
        let service = base.serve()?;
        let address = service.address();
        let all = operation.requests(teams, &self.tokens, address)?;
        ensure!(!all.is_empty(), "nobody asks");
        let bytes = check(address, &all)?;
        let requests: Vec<Request> = all.iter().map(|one| one.request.clone()).collect();
        let requests = Requests::write(self.ground.folder.path(), "growth", &requests, bytes)?;
        let long = operation.is_long(teams.kind, self.scale);
        let connections = operation.connections(teams.kind, self.scale);
        let watched = base.watched(Some(service.id()))?;
        let round = |round: u16, seconds: u16| {
            served(&watched, || {
                if long {
                    return few::run(address, &all);
                }
                wrk::run(
                    address,
                    &requests,
                    connections,
                    seconds.into(),
                    number + u64::from(round) * 10_000_000,
                )
            })
        };
        let early = if self.options.quick || long { 0 } else { round(0, 1)?.failed };
        let rounds = (1..=self.options.rounds).map(|number| round(number, self.options.seconds));
        let mut measured = medians(&rounds.collect::<Result<Vec<_>>>()?);
        measured.failed += early;
        if measured.failed > 0 {
            self.bar.suspend(|| say(&service.failures()));
        }
        Ok(measured)
    }
}
