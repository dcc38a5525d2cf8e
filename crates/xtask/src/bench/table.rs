//! The results on a terminal.

use super::results::{Results, Summary};

const HEAD: [&str; 9] =
    ["", "per second", "spread", "p50 ms", "p99 ms", "service us", "database us", "peak MB", "of the limit"];

pub(super) fn table(results: &Results) -> String {
    let rows: Vec<_> =
        [HEAD.map(str::to_owned)].into_iter().chain(results.scenarios.iter().map(row)).collect();
    lines(&rows)
}

/// The first and the last column begin at the same place in every row, the others end there.
pub(super) fn lines<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = width(column);
            if column == 0 || column + 1 == COLUMNS {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn row(summary: &Summary) -> [String; 9] {
    let median = &summary.median;
    let of: Vec<_> =
        summary.of.iter().map(|(name, ratio)| format!("{} of {name}", percent(*ratio))).collect();
    [
        summary.name.to_owned(),
        thousands(median.per_second),
        format!("{}%", (summary.spread * 100.0).round()),
        decimal(median.p50_ms),
        decimal(median.p99_ms),
        decimal(median.service_us),
        decimal(median.database_us),
        decimal(median.peak_mb),
        if median.failed > 0 { format!("{} FAILED", median.failed) } else { of.join(", ") },
    ]
}

pub(super) fn decimal(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.1}")).unwrap_or_default()
}

pub(super) fn percent(ratio: f64) -> String {
    format!("{:.0}%", ratio * 100.0)
}

/// `12345.6` as `12,346`.
pub(super) fn thousands(number: f64) -> String {
    grouped(&format!("{number:.0}"))
}

/// `12345` as `12,345`.
pub(super) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

fn grouped(digits: &str) -> String {
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::example;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([0.4, 999.0, 1_000.0, 1_234_567.0].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(percent(0.456), "46%");
    }

    #[test]
    fn a_row_has_what_is_known() {
        let row = row(&example()[0]);
        assert_eq!(row, ["import", "50", "20%", "", "", "", "", "", "50% of COPY"]);
    }

    #[test]
    fn what_failed_has_no_good_looks() {
        let mut failed = example()[0].clone();
        failed.median.failed = 3;
        assert_eq!(row(&failed)[8], "3 FAILED");
    }
}
