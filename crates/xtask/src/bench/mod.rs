//! Measures the service next to the same work without it. `docs/performance.md` says how to read the results.

mod chart;
mod data;
mod load;
mod postgres;
mod requests;
mod results;
mod scenarios;
mod server;
mod stage;
mod usage;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;
use procfs::{CpuInfo, Current as _, LoadAverage};

use self::data::Size;
use self::results::Measured;
use self::scenarios::Scenario;
use self::stage::Stage;
use crate::install::{WRK, find, find_or_install};
use crate::{project, say};

/// More requests than one measurement sends.
const NUMBERS: u64 = 10_000_000;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    size: Size,
    /// Measurements of each scenario
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=60))]
    seconds: u16,
    /// Measure only scenarios with one of these words in their name, and what they are compared with
    #[arg(long, value_name = "WORD")]
    only: Vec<String>,
    /// Measure `icp`, `from-memory` and `peer` of this folder; build nothing
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Draw the results as SVG
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Check in seconds that this works: one round, few ICPs, a debug build, no peer; the figures mean nothing
    #[arg(long, conflicts_with_all = ["icps", "big", "users", "rounds", "seconds", "programs", "chart"])]
    quick: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut options = options.clone();
    if options.quick {
        let size = Size { icps: 600, big: 100, users: 2 };
        options = Options { size, rounds: 1, seconds: 1, ..options };
    }
    let Options { size: Size { icps, big, users }, rounds, seconds, .. } = options;
    ensure!(big + 500 <= icps, "for --big {big} take --icps {} or more", big + 500);
    find_or_install(&WRK, || find("wrk"))?;
    // Before the build adds to it.
    let load = LoadAverage::current()?.one;
    let programs = options.programs.as_ref().map_or_else(
        || server::build(!options.quick),
        |folder| folder.canonicalize().with_context(|| format!("looking for {}", folder.display())),
    )?;
    let scenarios = scenarios::chosen(&options.only, !options.quick && programs.join("peer").exists());
    ensure!(!scenarios.is_empty(), "no scenario has such a word in its name");
    let mut stage = Stage::new(programs, options.size)?;
    let import = stage.fill(&scenarios)?;
    stage.start(&scenarios)?;
    let summaries = results::summaries(&scenarios, &all_rounds(&stage, &scenarios, &options)?);
    let run = format!(
        "{}: {icps} ICPs, {big} in the big list, {users} users each; {rounds} rounds of {seconds} s; load average {load:.2} before",
        output("date", &["--utc", "+%F"]),
    );
    let machine = machine(&stage.postgres.run("postgres", "SHOW server_version", &[])?);
    println!("\n{}\n\n{import}\n{run}\n{machine}\n", results::table(&summaries));
    if let Some(file) = &options.chart {
        let spread = summaries.iter().map(|summary| summary.spread).fold(0.0, f64::max);
        let spread = format!("64 connections; rounds differ by at most {:.0}%", 100.0 * spread);
        let file = project::root()?.join(file);
        let svg = chart::svg(&summaries, &[&run, &machine, &spread])?;
        fs::write(&file, svg).with_context(|| format!("writing {}", file.display()))?;
    }
    ensure!(results::are_sound(&summaries), "requests failed");
    Ok(ExitCode::SUCCESS)
}

/// Returns the measurements of each scenario. Each round begins with another one. The first round warms up.
fn all_rounds(stage: &Stage, scenarios: &[Scenario], options: &Options) -> Result<Vec<Vec<Measured>>> {
    let mut measured = vec![Vec::new(); scenarios.len()];
    let mut number = 0;
    for round in u16::from(options.quick)..=options.rounds {
        say(&format!("round {round} of {}", options.rounds));
        let mut order: Vec<_> = scenarios.iter().zip(&mut measured).collect();
        order.rotate_left(usize::from(round) * 7 % scenarios.len());
        for (scenario, results) in order {
            number += NUMBERS;
            let seconds = if round == 0 { 1 } else { options.seconds };
            let one = stage.measure(scenario, seconds.into(), number);
            let one = one.with_context(|| format!("measuring {}", scenario.name))?;
            ensure!(round > 0 || one.failed == 0.0, "requests failed while {} warmed up", scenario.name);
            results.extend((round > 0).then_some(one));
        }
    }
    Ok(measured)
}

/// Hardware and versions.
fn machine(postgres: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = CpuInfo::current().ok().and_then(|cpu| cpu.model_name(0).map(str::to_owned));
    let (cpu, linux) = (cpu.unwrap_or_else(|| "an unknown CPU".to_owned()), output("uname", &["-r"]));
    let (wrk, commit) = (output("wrk", &["--version"]), output("git", &["describe", "--always", "--dirty"]));
    let wrk = wrk.split(" [").next().unwrap_or_default();
    let postgres = postgres.split(' ').next().unwrap_or_default();
    format!("{cores} cores of {cpu}, Linux {linux}, PostgreSQL {postgres}, {wrk}, commit {commit}")
}

/// What a program prints, whatever its exit code: wrk fails after it printed its version.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
