//! What came of it: each operation with all numbers of ICPs under one another, so that what grows is seen.

use serde::Serialize;

use super::super::machine::{Machine, Versions};
use super::super::measure::Measured;
use super::super::results;
use super::super::table::{count, decimal, lines, thousands};
use super::base::Database;
use super::operations::Operation;
use super::teams::Kind;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) date: String,
    pub(super) machine: Machine,
    pub(super) versions: Versions,
    pub(super) rounds: u16,
    pub(super) seconds: u16,
    pub(super) rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) what: What,
    /// In all.
    pub(super) icps: u64,
    #[serde(flatten)]
    pub(super) measured: Measured,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disk_mb: Option<f64>,
}

/// What is measured among different numbers of ICPs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct What {
    pub(super) database: Database,
    pub(super) operation: Operation,
    /// Who asks.
    #[serde(flatten)]
    pub(super) kind: Option<Kind>,
}

impl What {
    pub(super) fn name(self) -> String {
        let start = format!("{} {}", self.database.name(), self.operation.name());
        self.kind.map_or(start.clone(), |kind| format!("{start}: {}", kind.name()))
    }
}

const HEAD: [&str; 9] =
    ["", "ICPs in all", "per second", "p50 ms", "p99 ms", "service us", "database us", "peak MB", "CPU"];

impl Row {
    fn cpu(&self) -> f64 {
        self.measured.service_us.unwrap_or_default() + self.measured.database_us.unwrap_or_default()
    }
}

impl Report {
    /// Whether every request had the answer that it must have.
    pub(super) fn is_sound(&self) -> bool {
        self.rows.iter().all(|row| row.measured.failed == 0)
    }

    pub(super) fn much_else(&self) -> Option<f64> {
        results::much_else(self.rows.iter().map(|row| &row.measured))
    }

    pub(super) fn table(&self) -> String {
        let mut rows = self.rows.clone();
        rows.sort_by_key(|row| (row.what, row.icps));
        let mut table = vec![HEAD.map(str::to_owned)];
        for group in rows.chunk_by(|one, other| one.what == other.what) {
            let first = group.first();
            table.extend(group.iter().enumerate().map(|(place, row)| line(row, first.filter(|_| place > 0))));
        }
        lines(&table)
    }
}

/// `first` is the same operation among the fewest ICPs.
fn line(row: &Row, first: Option<&Row>) -> [String; 9] {
    let measured = &row.measured;
    let mut notes = Vec::new();
    notes.extend((measured.failed > 0).then(|| format!("{} FAILED", measured.failed)));
    // What took less than a tick of the clock is compared with nothing.
    let first_cpu = first.map(Row::cpu).filter(|cpu| *cpu > 0.0);
    notes.extend(first_cpu.map(|first| format!("{:.2} times", row.cpu() / first)));
    notes.extend(row.disk_mb.map(|disk| format!("{} MB on disk", thousands(disk))));
    [
        if first.is_none() { row.what.name() } else { String::new() },
        count(row.icps),
        if measured.per_second < 100.0 {
            decimal(Some(measured.per_second))
        } else {
            thousands(measured.per_second)
        },
        decimal(measured.p50_ms),
        decimal(measured.p99_ms),
        decimal(measured.service_us),
        decimal(measured.database_us),
        decimal(measured.peak_mb),
        notes.join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_seen() {
        let row = |operation, icps, service_us| Row {
            what: What { database: Database::Sqlite, operation, kind: None },
            icps,
            measured: Measured { per_second: 9.5, service_us: Some(service_us), ..Measured::default() },
            disk_mb: None,
        };
        let (get, mut more, list) =
            (row(Operation::Get, 10, 5.0), row(Operation::List, 1_000, 30.0), row(Operation::List, 10, 20.0));
        more.measured.failed = 2;
        assert_eq!(line(&more, Some(&list))[8], "2 FAILED, 1.50 times");
        assert_eq!(line(&more, Some(&row(Operation::List, 10, 0.0)))[8], "2 FAILED");
        assert_eq!(line(&list, None), ["SQLite list", "10", "9.5", "", "", "20.0", "", "", ""]);
        assert!(list.what < get.what, "in the order of the operations, not of the measuring");
    }
}
