//! Compares the service with pgbench and other baselines. `docs/explanation/performance.md` explains the results.

mod chart;
mod data;
mod load;
mod postgres;
mod requests;
mod results;
mod scenarios;
mod server;
mod setup;
mod usage;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use procfs::{CpuInfo, Current as _};

use self::data::Size;
use self::results::Measurement;
use self::scenarios::Scenario;
use self::setup::Setup;
use crate::install::{WRK, find, find_or_install};
use crate::{project, say};

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    size: Size,
    /// Measurements of each scenario
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=60))]
    seconds: u16,
    /// Measure only scenarios with one of these words in their name, and their baselines
    #[arg(long, value_name = "WORD")]
    only: Vec<String>,
    /// Measure `icp`, `from-memory` and `peer` of this folder; build nothing
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Draw the results as SVG
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Check in seconds that the bench works: one round, few ICPs, a debug build, no peer; the figures have no meaning
    #[arg(long, conflicts_with_all = ["icps", "big", "users", "rounds", "seconds", "programs", "chart"])]
    quick: bool,
}

pub(crate) fn run(mut options: Options) -> Result<bool> {
    if options.quick {
        let size = Size { icps: 600, big: 100, users: 2 };
        options = Options { size, rounds: 1, seconds: 1, ..options };
    }
    let Options { size: Size { icps, big, users }, rounds, seconds, .. } = options;
    ensure!(big + 500 <= icps, "for --big {big} take --icps {} or more", big + 500);
    find_or_install(&WRK, || find("wrk"))?;
    let programs = match &options.programs {
        Some(folder) => folder.canonicalize().with_context(|| format!("looking for {}", folder.display()))?,
        None => server::build(!options.quick)?,
    };
    let scenarios = scenarios::select(&options.only, !options.quick && programs.join("peer").exists());
    ensure!(!scenarios.is_empty(), "no scenario has one of the words of --only in its name");
    let (setup, import) = Setup::prepare(programs, options.size, &scenarios)?;
    let summaries = results::summaries(&scenarios, &all_rounds(&setup, &scenarios, &options)?);
    let run = format!(
        "{}: {icps} ICPs, {big} in the big list, {users} users each; {rounds} rounds of {seconds} s",
        project::output(Command::new("date").args(["--utc", "+%F"]))?,
    );
    let machine = machine(&setup.postgres.run("postgres", "SHOW server_version", &[])?)?;
    println!("\n{}\n\n{import}\n{run}\n{machine}\n", results::table(&summaries).trim_fmt());
    if let Some(file) = &options.chart {
        let spread = summaries.iter().map(|summary| summary.spread).fold(0.0, f64::max);
        let spread = format!("64 connections; spread of the rounds at most {:.0}%", 100.0 * spread);
        let file = project::root()?.join(file);
        let svg = chart::svg(&summaries, &[&run, &machine, &spread])?;
        fs::write(&file, svg).with_context(|| format!("writing {}", file.display()))?;
    }
    ensure!(summaries.iter().all(|summary| summary.median.failed == 0.0), "requests failed");
    Ok(true)
}

/// Returns the measurements of each scenario. Each round begins with a different scenario. Round 0 is a warm-up.
fn all_rounds(setup: &Setup, scenarios: &[Scenario], options: &Options) -> Result<Vec<Vec<Measurement>>> {
    let mut measurements = vec![Vec::new(); scenarios.len()];
    let mut number = 0;
    for round in u16::from(options.quick)..=options.rounds {
        say(&format!("round {round} of {}", options.rounds));
        let mut order: Vec<_> = scenarios.iter().zip(&mut measurements).collect();
        order.rotate_left(usize::from(round) * 7 % scenarios.len());
        for (scenario, results) in order {
            // A measurement sends fewer than 10,000,000 writes, so no number is sent twice.
            number += 10_000_000;
            let seconds = if round == 0 { 1 } else { options.seconds };
            let result = setup.measure(scenario, seconds.into(), number);
            let result = result.with_context(|| format!("measuring {}", scenario.name))?;
            ensure!(round > 0 || result.failed == 0.0, "{}: requests failed", scenario.name);
            results.extend((round > 0).then_some(result));
        }
    }
    Ok(measurements)
}

fn machine(postgres: &str) -> Result<String> {
    let linux = project::output(Command::new("uname").arg("-r"))?;
    let commit = project::output(Command::new("git").args(["describe", "--always", "--dirty"]));
    let (cpu, commit) = (CpuInfo::current()?, commit.unwrap_or_default());
    let (cores, cpu) = (cpu.num_cores(), cpu.model_name(0).unwrap_or("unknown CPU"));
    let postgres = postgres.split(' ').next().unwrap_or_default();
    Ok(format!("{cores} cores of {cpu}, Linux {linux}, PostgreSQL {postgres}, commit {commit}"))
}
