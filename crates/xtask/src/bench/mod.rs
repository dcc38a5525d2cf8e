//! How fast the service is, beside what the same work costs without it. `docs/performance.md` says how to read it.

mod chart;
mod costs;
mod data;
pub(crate) mod growth;
mod http;
mod machine;
mod measure;
mod pgbench;
mod postgres;
mod processes;
mod random;
mod requests;
mod results;
mod scenarios;
mod service;
mod stage;
mod statements;
mod statistics;
mod table;
mod tokens;
mod wrk;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use self::data::{Data, Size};
use self::machine::Versions;
use self::measure::{Measured, measure};
use self::results::Results;
use self::scenarios::{Scenario, Work};
use self::service::Programs;
use self::stage::Stage;
use crate::{project, say, tools, verdict};

const RESULT: &str = "bench/results.json";

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// How often everything is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long each measurement takes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=30))]
    seconds: u16,
    /// Measure nothing but what has one of these words in its name, and its limits
    #[arg(long, value_name = "WORD")]
    only: Vec<String>,
    /// Take `icp` and `from-memory` from there and build nothing, to measure an older version
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Draw the results as SVG, into a file such as `docs/bench.svg`
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Show that all of this works: one round on few ICPs and a debug build, whose figures mean nothing
    #[arg(long, conflicts_with_all = ["rounds", "seconds", "chart"])]
    quick: bool,
}

impl Options {
    pub(crate) fn quick() -> Self {
        Self { rounds: 1, seconds: 1, only: Vec::new(), programs: None, chart: None, quick: true }
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let options = if options.quick {
        Options { only: options.only.clone(), programs: options.programs.clone(), ..Options::quick() }
    } else {
        options.clone()
    };
    let scenarios = scenarios::chosen(&options.only);
    anyhow::ensure!(!scenarios.is_empty(), "nothing has such a word in its name");
    tools::load_generator()?;
    let programs = match &options.programs {
        Some(folder) => Programs::given(folder)?,
        None => Programs::build(!options.quick)?,
    };
    let profile = programs.profile;
    let data = Data::generate(if options.quick { Size::QUICK } else { Size::FULL });
    let stage = Stage::set(programs, &data, &scenarios)?;
    let rounds = all_rounds(&stage, &scenarios, &options)?;
    let versions = Versions::of(profile, stage.postgres.version()?);
    let results = Results::new(&scenarios, &rounds, versions, options.seconds.into(), data.size().icps);
    let file = project::target()?.join(RESULT);
    results::write(&results, &file)?;
    println!("\n{}", table::table(&results));
    say(&format!("wrote {}", file.display()));
    if let Some(others) = results.much_else() {
        say(&format!("something else used {others:.1} CPUs meanwhile: the service can do more than this"));
    }
    if !results.are_sound() {
        say("some requests failed, and so has this run");
    } else if let Some(file) = &options.chart {
        let file = project::root()?.join(file);
        fs::write(&file, chart::chart(&results)).with_context(|| format!("writing {}", file.display()))?;
        say(&format!("wrote {}", file.display()));
    }
    Ok(verdict(results.are_sound()))
}

/// What is measured of each scenario in each round; what fails while the service warms up counts in the first. Every round begins with another scenario, so that none always follows
/// the same.
fn all_rounds(stage: &Stage, scenarios: &[Scenario], options: &Options) -> Result<Vec<Vec<Measured>>> {
    let (rounds, seconds) = (usize::from(options.rounds), u64::from(options.seconds));
    let mut measured = vec![Vec::new(); scenarios.len()];
    let steps = scenarios.len() * (rounds + usize::from(!options.quick));
    let bar = ProgressBar::new(steps as u64)
        .with_style(ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg:25}")?);
    let mut number = 0;
    let mut step = |scenario: &Scenario, seconds| {
        bar.set_message(scenario.name);
        // More than one run has requests.
        number += 10_000_000;
        let measured =
            measure(stage, scenario, seconds, number).with_context(|| format!("measuring {}", scenario.name));
        bar.inc(1);
        let measured = measured?;
        if measured.failed > 0 {
            bar.suspend(|| {
                say(&format!("{}: {} failed {}", scenario.name, measured.failed, stage.failures(scenario)));
            });
        }
        Ok::<_, anyhow::Error>(measured)
    };
    let mut early = vec![0; scenarios.len()];
    if !options.quick {
        for (scenario, early) in scenarios.iter().zip(&mut early) {
            if !matches!(scenario.work, Work::Import | Work::Copy) {
                *early = step(scenario, 1)?.failed;
            }
        }
    }
    for round in 0..rounds {
        for place in (0..scenarios.len()).map(|place| (place + round * 7) % scenarios.len()) {
            if let (Some(scenario), Some(results)) = (scenarios.get(place), measured.get_mut(place)) {
                results.push(step(scenario, seconds)?);
            }
        }
    }
    bar.finish_and_clear();
    for (early, rounds) in early.into_iter().zip(&mut measured) {
        rounds.iter_mut().take(1).for_each(|first| first.failed += early);
    }
    Ok(measured)
}
