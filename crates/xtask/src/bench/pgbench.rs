//! The limits on PostgreSQL's side: pgbench runs the service's own queries, and the bare transactions of its writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::data::{FIRST_USER, ICPS_OF_THREE_TEAMS, SCATTER, SCATTER_RANGE, Size, usual};
use super::statements::Statement;
use crate::project;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Script {
    Small,
    Conditional,
    Get,
    Create,
    Patch,
}

/// Put in the place of an id: pgbench has numbers alone.
const ID: &str = "(lpad(to_hex(:scattered::bigint), 8, '0') || '-0000-4000-8000-000000000000')::uuid";
const USER: &str = "(:user)::text";

/// A query of the service, as it was sent for a user, and the id that was asked for.
pub(super) struct Sample<'a> {
    pub(super) statement: Statement,
    pub(super) user: &'a str,
    pub(super) id: Option<&'a str>,
}

/// The script that sends such a query for anybody.
pub(super) fn query(sample: &Sample<'_>, size: Size) -> Result<String> {
    let mut own = vec![(sample.user, USER)];
    own.extend(sample.id.map(|id| (id, ID)));
    let chosen = if sample.id.is_some() {
        any_icp(size.readers * ICPS_OF_THREE_TEAMS / 3)
    } else {
        any_user(0, size.readers)
    };
    Ok(format!("{chosen}{};\n", sample.statement.with(&own)?))
}

pub(super) fn create(size: Size) -> String {
    any_user(size.readers, size.writers) + include_str!("create.sql")
}

/// Among all of usual users, so that two hardly ever change the same ICP at once.
pub(super) fn patch(size: Size) -> String {
    any_icp(usual(size)) + include_str!("patch.sql")
}

/// Of so many, after the first ones.
fn any_user(first: u64, count: u64) -> String {
    let first = FIRST_USER + first;
    format!("\\set user random({first}, {})\n", first + count - 1)
}

/// See `data.rs`: which team has an ICP follows from its number.
fn any_icp(below: u64) -> String {
    format!(
        "\\set number random(0, {})
\\set scattered :number * {SCATTER} % {SCATTER_RANGE}
\\set place :number % {ICPS_OF_THREE_TEAMS}
\\set user {FIRST_USER} + 3 * (:number / {ICPS_OF_THREE_TEAMS}) + case when :place < 4 then 0 when :place < 9 then 1 else 2 end
",
        below - 1
    )
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) transactions: u64,
    pub(super) per_second: f64,
}

/// Runs scripts on one database.
#[derive(Debug)]
pub(super) struct Pgbench {
    pub(super) program: PathBuf,
    /// The database that is read.
    pub(super) read: String,
    /// The one that is written.
    pub(super) written: String,
    /// An ICP's text, which writes write.
    pub(super) document: String,
}

impl Pgbench {
    /// As fast as so many clients can.
    pub(super) fn run(&self, script: Script, file: &Path, clients: u16, seconds: u64) -> Result<Outcome> {
        self.measure(script, file, &format!("-c{clients}"), seconds)
    }

    /// One client, so many a second.
    pub(super) fn run_slowly(
        &self,
        script: Script,
        file: &Path,
        a_second: u16,
        seconds: u64,
    ) -> Result<Outcome> {
        self.measure(script, file, &format!("-R{a_second}"), seconds)
    }

    fn measure(&self, script: Script, file: &Path, load: &str, seconds: u64) -> Result<Outcome> {
        let url = if matches!(script, Script::Create | Script::Patch) { &self.written } else { &self.read };
        let mut command = Command::new(&self.program);
        command.args(["-n", "-M", "prepared", "-j", "1", load, "-T", &seconds.to_string()]);
        command.arg("-D").arg(format!("document={}", self.document)).arg("-f").arg(file).arg(url);
        parse(&project::output(&mut command)?)
    }
}

pub(super) fn write(folder: &Path, script: Script, text: &str) -> Result<PathBuf> {
    let path = folder.join(format!("{script:?}.sql"));
    fs::write(&path, text).context("writing a script for pgbench")?;
    Ok(path)
}

fn parse(output: &str) -> Result<Outcome> {
    let number = |start: &str| {
        let found = output.lines().rev().find_map(|line| line.strip_prefix(start))?;
        found.split([' ', '/']).find(|word| !word.is_empty())
    };
    let failed = number("number of failed transactions:").unwrap_or("0");
    let transactions = number("number of transactions actually processed:");
    // Of two lines of older versions, the last leaves out the connecting.
    let (Some(transactions), Some(per_second)) = (transactions, number("tps =")) else {
        bail!("pgbench gives no result: {output}");
    };
    if failed != "0" {
        bail!("{failed} transactions of pgbench failed");
    }
    Ok(Outcome { transactions: transactions.parse()?, per_second: per_second.parse()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "transaction type: x.sql
number of transactions actually processed: 23905
number of failed transactions: 0 (0.000%)
latency average = 0.335 ms
tps = 11946.123456 (without initial connection time)
";

    #[test]
    fn what_pgbench_counted_is_read() {
        let outcome = Outcome { transactions: 23_905, per_second: 11_946.123_456 };
        assert_eq!(parse(OUTPUT).expect("a result"), outcome);
        let older = OUTPUT.replace("tps", "tps = 9.0 (including connections establishing)\ntps");
        assert_eq!(parse(&older).expect("a result"), outcome);
        assert!(parse("pgbench: error").is_err());
        assert!(parse(&OUTPUT.replace("failed transactions: 0", "failed transactions: 1")).is_err());
    }

    #[test]
    fn a_script_chooses_among_some() {
        assert_eq!(any_user(30, 15), "\\set user random(1000030, 1000044)\n");
        assert!(any_icp(150).starts_with("\\set number random(0, 149)\n"));
    }
}
