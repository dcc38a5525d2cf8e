//! What came of all rounds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use icp_ports::{Clock as _, SystemClock};
use serde::Serialize;

use super::machine::{Machine, Versions};
use super::measure::Measured;
use super::scenarios::Scenario;
use super::statistics::{median, ratio, spread};

/// The kernel's own work for nobody in particular is about a tenth of it.
const MUCH_ELSE: f64 = 0.2;

#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) date: String,
    pub(super) machine: Machine,
    pub(super) versions: Versions,
    pub(super) rounds: usize,
    pub(super) seconds: u64,
    pub(super) icps: u64,
    pub(super) scenarios: Vec<Summary>,
}

/// Medians of the rounds, and all that failed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    pub(super) name: &'static str,
    #[serde(flatten)]
    pub(super) median: Measured,
    /// Half of what lies between the slowest and the fastest round, as a part of the median.
    pub(super) spread: f64,
    /// How much of each limit's operations a second it does.
    pub(super) of: BTreeMap<&'static str, f64>,
    pub(super) rounds: Vec<Measured>,
}

impl Results {
    /// `rounds` has one list for each scenario.
    pub(super) fn new(
        scenarios: &[Scenario],
        rounds: &[Vec<Measured>],
        versions: Versions,
        seconds: u64,
        icps: u64,
    ) -> Self {
        Self {
            date: SystemClock.now().to_string(),
            machine: Machine::this(),
            versions,
            rounds: rounds.first().map_or(0, Vec::len),
            seconds,
            icps,
            scenarios: summaries(scenarios, rounds),
        }
    }

    /// Whether every request had the answer that it must have.
    pub(super) fn are_sound(&self) -> bool {
        self.scenarios.iter().all(|summary| summary.median.failed == 0)
    }

    pub(super) fn much_else(&self) -> Option<f64> {
        much_else(self.scenarios.iter().map(|summary| &summary.median))
    }
}

/// The CPUs that something else used, where that is enough to spoil the figures.
pub(super) fn much_else<'a>(all: impl Iterator<Item = &'a Measured>) -> Option<f64> {
    let others: Vec<_> = all.map(|measured| measured.other_cpus).collect();
    median(&others).filter(|others| *others > MUCH_ELSE)
}

/// As JSON.
pub(super) fn write(results: &impl Serialize, file: &Path) -> Result<()> {
    let json = serde_json::to_string_pretty(results)?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    fs::write(file, json + "\n").with_context(|| format!("writing {}", file.display()))
}

fn summaries(scenarios: &[Scenario], rounds: &[Vec<Measured>]) -> Vec<Summary> {
    let rates = |name: &str| {
        let place = scenarios.iter().position(|scenario| scenario.name == name)?;
        Some(values(rounds.get(place)?, |measured| Some(measured.per_second)))
    };
    let summary = |(scenario, rounds): (&Scenario, &Vec<Measured>)| {
        let own = values(rounds, |measured| Some(measured.per_second));
        let of = scenario.limits.iter().filter_map(|limit| Some((*limit, ratio(&own, &rates(limit)?)?)));
        Summary {
            name: scenario.name,
            median: medians(rounds),
            spread: spread(&own).unwrap_or_default(),
            of: of.collect(),
            rounds: rounds.clone(),
        }
    };
    scenarios.iter().zip(rounds).map(summary).collect()
}

fn values(rounds: &[Measured], value: impl Fn(&Measured) -> Option<f64>) -> Vec<f64> {
    rounds.iter().filter_map(value).collect()
}

pub(super) fn medians(rounds: &[Measured]) -> Measured {
    let of = |value: fn(&Measured) -> Option<f64>| median(&values(rounds, value));
    Measured {
        per_second: of(|measured| Some(measured.per_second)).unwrap_or_default(),
        p50_ms: of(|measured| measured.p50_ms),
        p99_ms: of(|measured| measured.p99_ms),
        service_us: of(|measured| measured.service_us),
        database_us: of(|measured| measured.database_us),
        peak_mb: of(|measured| measured.peak_mb),
        failed: rounds.iter().map(|measured| measured.failed).sum(),
        other_cpus: of(|measured| Some(measured.other_cpus)).unwrap_or_default(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::scenarios::chosen;
    use super::*;

    pub(in super::super) fn example() -> Vec<Summary> {
        let scenarios = chosen(&["import".to_owned()]);
        let rounds =
            |rates: [f64; 3]| rates.map(|per_second| Measured { per_second, ..Measured::default() }).to_vec();
        summaries(&scenarios, &[rounds([40.0, 50.0, 60.0]), rounds([50.0, 100.0, 120.0])])
    }

    #[test]
    fn each_is_compared_with_its_limits_round_by_round() {
        let [import, copy] = <[Summary; 2]>::try_from(example()).expect("there are two");
        assert_eq!((import.name, copy.name), ("import", "COPY"));
        assert_eq!((import.median.per_second, import.spread), (50.0, 0.2));
        assert_eq!(import.of, BTreeMap::from([("COPY", 0.5)]), "the median of 0.8, 0.5 and 0.5");
        assert_eq!(import.median.p50_ms, None);
        assert!(copy.of.is_empty());
    }
}
