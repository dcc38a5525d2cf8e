//! The results of all rounds.

use comfy_table::{CellAlignment, Table, presets};

use super::scenarios::Scenario;

/// The figures of one measurement, in column order. The two CPU times are per operation, in microseconds.
pub(super) const FIGURES: [&str; 7] =
    ["per second", "p50 ms", "p99 ms", "service us", "database us", "peak MB", "other CPUs"];

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measurement {
    pub(super) figures: [Option<f64>; FIGURES.len()],
    /// The number of failed operations. A run with failures is invalid.
    pub(super) failed: f64,
}

/// The results of one scenario over all rounds.
pub(super) struct Summary {
    pub(super) name: &'static str,
    /// The median of each figure, and the sum of the failures.
    pub(super) median: Measurement,
    /// Half the difference between the fastest and the slowest round, as a fraction of the median.
    pub(super) spread: f64,
    /// The name of each baseline, and this scenario's operations per second divided by the baseline's. The
    /// ratio is the median of the ratios of the rounds, because a slow round slows the scenario and the baseline.
    pub(super) ratios: Vec<(&'static str, f64)>,
}

impl Measurement {
    pub(super) fn per_second(&self) -> f64 {
        self.figures.first().copied().flatten().unwrap_or_default()
    }
}

impl Summary {
    fn row(&self) -> Vec<String> {
        let ratios = self.ratios.iter().map(|(baseline, ratio)| format!("{ratio:.2} x {baseline}"));
        let compared = ratios.collect::<Vec<_>>().join(", ");
        let figures = self.median.figures.iter().map(|figure| match figure {
            Some(figure) if *figure >= 1_000.0 => thousands(*figure),
            Some(figure) => format!("{figure:.1}"),
            None => String::new(),
        });
        let mut row: Vec<_> = [self.name.to_owned()].into_iter().chain(figures).collect();
        row.insert(2, format!("{:.0}%", self.spread * 100.0));
        row.push(if self.median.failed > 0.0 { format!("{} FAILED", self.median.failed) } else { compared });
        row
    }
}

/// Summarizes each scenario. `rounds` has one list of measurements per scenario, in the same order.
pub(super) fn summaries(scenarios: &[Scenario], rounds: &[Vec<Measurement>]) -> Vec<Summary> {
    let rates = |name: &str| {
        let index = scenarios.iter().position(|scenario| scenario.name == name)?;
        Some(rounds.get(index)?.iter().map(Measurement::per_second).collect::<Vec<_>>())
    };
    let summary = |(Scenario { name, baselines, .. }, rounds): (&Scenario, &Vec<Measurement>)| {
        let own = rates(name).unwrap_or_default();
        let ratio = |name: &&'static str| {
            let ratios: Vec<_> = own.iter().zip(rates(name)?).map(|(own, other)| own / other).collect();
            Some((*name, median(ratios)?))
        };
        let figure =
            |column: usize| median(rounds.iter().filter_map(|round| *round.figures.get(column)?).collect());
        let range = own.iter().copied().fold(0.0, f64::max) - own.iter().copied().fold(f64::MAX, f64::min);
        let failed = rounds.iter().map(|round| round.failed).sum();
        Summary {
            name,
            median: Measurement { figures: std::array::from_fn(figure), failed },
            spread: range / 2.0 / median(own.clone()).unwrap_or(1.0),
            ratios: baselines.iter().filter_map(ratio).collect(),
        }
    };
    scenarios.iter().zip(rounds).map(summary).collect()
}

pub(super) fn table(summaries: &[Summary]) -> Table {
    let mut head = FIGURES.to_vec();
    head.insert(0, "");
    head.insert(2, "spread");
    head.push("compared");
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head).add_rows(summaries.iter().map(Summary::row));
    for column in table.column_iter_mut().skip(1).take(FIGURES.len() + 1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Formats `12345.6` as `12,346`.
pub(super) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let upper = numbers.get(numbers.len() / 2)?;
    let lower = numbers.get(numbers.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::scenarios::{ALL, select};
    use super::*;

    fn at(per_second: f64) -> Measurement {
        let mut measured = Measurement::default();
        measured.figures[0] = Some(per_second);
        measured
    }

    /// Returns summaries of all scenarios, the fastest first.
    pub(in super::super) fn example_summaries() -> Vec<Summary> {
        let rates = std::iter::successors(Some(52_000.0), |rate| Some(rate - 1_700.0));
        let rounds: Vec<_> = rates.take(ALL.len()).map(|rate| vec![at(rate)]).collect();
        summaries(&ALL, &rounds)
    }

    #[test]
    fn ratios_are_medians_of_rounds() {
        let scenarios = select(&["get".to_owned()], true);
        // The machine was half as fast in the second round.
        let rounds = |rates: [f64; 3]| rates.map(at).to_vec();
        let summaries = summaries(&scenarios, &[rounds([80.0, 40.0, 90.0]), rounds([100.0, 50.0, 100.0])]);
        let row = summaries[0].row();
        assert_eq!(row, ["get", "80.0", "31%", "", "", "", "", "", "", "0.80 x pgbench get"]);
        assert!(table(&summaries).to_string().contains("0.80 x pgbench get"));
    }

    #[test]
    fn failures_are_in_the_table() {
        let failed = Measurement { failed: 3.0, ..at(1.0) };
        let summaries = summaries(&ALL[..1], &[vec![failed]]);
        assert_eq!(summaries[0].row()[9], "3 FAILED");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0.4, 999.0, 1_000.0, 1_234_567.0].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
