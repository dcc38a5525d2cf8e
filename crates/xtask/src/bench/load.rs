//! The load. wrk sends requests, and pgbench sends the SQL that any service must send for the same requests.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::requests::RequestKind;
use crate::project;

const WRK_SCRIPT: &str = include_str!("wrk.lua");

/// The results that wrk or pgbench reports. An operation is a request or a transaction.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) operations: f64,
    pub(super) per_second: f64,
    pub(super) failed: f64,
    /// The median and the 99th percentile.
    pub(super) latencies_ms: Option<[f64; 2]>,
}

/// Sends the requests of a file with wrk. A different number above `number` replaces each placeholder.
pub(super) fn wrk(file: &Path, host: &str, connections: u16, seconds: u64, number: u64) -> Result<Outcome> {
    let script = file.with_file_name("wrk.lua");
    fs::write(&script, WRK_SCRIPT).context("writing wrk's script")?;
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "--timeout", "30s", &format!("-c{connections}"), &format!("-d{seconds}s"), "-s"]);
    wrk.arg(script).arg(format!("http://{host}")).arg("--").arg(file).arg(number.to_string());
    wrk_outcome(&project::output(&mut wrk)?)
}

fn wrk_outcome(output: &str) -> Result<Outcome> {
    let result = output.lines().find_map(|line| line.strip_prefix("RESULT ")).unwrap_or_default();
    let numbers = result.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>();
    let [operations, per_second, failed, p50, p99] = numbers.unwrap_or_default()[..] else {
        bail!("wrk prints no result: {output}");
    };
    ensure!(operations > 0.0, "no request had a response");
    Ok(Outcome { operations, per_second, failed, latencies_ms: Some([p50, p99]) })
}

/// Returns the pgbench script with the statements of a request, if there is one.
pub(super) fn script(kind: RequestKind) -> Option<&'static str> {
    match kind {
        RequestKind::Small => Some(include_str!("sql/small.sql")),
        RequestKind::Conditional => Some(include_str!("sql/conditional.sql")),
        RequestKind::Get => Some(include_str!("sql/get.sql")),
        RequestKind::Create => Some(include_str!("sql/create.sql")),
        RequestKind::Patch => Some(include_str!("sql/patch.sql")),
        RequestKind::Big | RequestKind::Mixed | RequestKind::Page => None,
    }
}

pub(super) fn pgbench_outcome(output: &str) -> Result<Outcome> {
    let number = |name: &str| -> Option<f64> {
        let line = output.lines().rev().find_map(|line| line.strip_prefix(name))?;
        line.split([' ', '/', '=']).find_map(|word| word.parse().ok())
    };
    let operations = number("number of transactions actually processed:");
    // Older versions of pgbench print two lines with `tps`. The last one, which is used, excludes the time to connect.
    let (Some(operations), Some(per_second)) = (operations, number("tps")) else {
        bail!("pgbench prints no result: {output}");
    };
    let failed = number("number of failed transactions:").unwrap_or_default();
    Ok(Outcome { operations, per_second, failed, latencies_ms: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::requests::PLACEHOLDER;

    #[test]
    fn output_of_wrk_is_read() {
        let outcome = wrk_outcome("Running 1s test\n\nRESULT 5000 2500.000000 3 1.500000 9.000000\n");
        let expected =
            Outcome { operations: 5_000.0, per_second: 2_500.0, failed: 3.0, latencies_ms: Some([1.5, 9.0]) };
        assert_eq!(outcome.expect("a result"), expected);
        assert!(wrk_outcome("unable to connect").is_err());
        assert!(wrk_outcome("RESULT 0 0.0 0 0.0 0.0").is_err(), "no response");
    }

    #[test]
    fn output_of_pgbench_is_read() {
        let output = "number of transactions actually processed: 24000\n\
                      number of failed transactions: 1 (0.000%)\n\
                      tps = 9000.5 (including connections establishing)\n\
                      tps = 12000.0 (without initial connection time)\n";
        let expected =
            Outcome { operations: 24_000.0, per_second: 12_000.0, failed: 1.0, latencies_ms: None };
        assert_eq!(pgbench_outcome(output).expect("a result"), expected);
        assert!(pgbench_outcome("pgbench: error").is_err());
    }

    #[test]
    fn wrk_script_has_placeholder() {
        assert!(WRK_SCRIPT.contains(&format!("local PLACEHOLDER = \"{PLACEHOLDER}\"")));
    }
}
