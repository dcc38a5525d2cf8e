//! The load: wrk, and what it says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::http::Request;
use crate::project;

const SCRIPT: &str = include_str!("wrk.lua");
/// What `wrk.lua` puts a number in the place of.
pub(super) const MARK: &str = "{...number..}";

/// Requests in a file, and what their answers have on average.
#[derive(Debug)]
pub(super) struct Requests {
    file: PathBuf,
    bytes: f64,
}

impl Requests {
    /// `bytes` are those of an answer, head and body, on average.
    pub(super) fn write(folder: &Path, name: &str, requests: &[Request], bytes: f64) -> Result<Self> {
        fs::write(folder.join("wrk.lua"), SCRIPT).context("writing wrk's script")?;
        let file = folder.join(format!("{name}.requests"));
        let lines: String = requests.iter().map(|request| request.line() + "\n").collect();
        fs::write(&file, lines).context("writing requests")?;
        Ok(Self { file, bytes })
    }
}

/// What wrk counted.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Outcome {
    pub(super) requests: u64,
    microseconds: u64,
    bytes: u64,
    refused: u64,
    broken: u64,
    late: u64,
    failed: u64,
    p50: u64,
    p99: u64,
}

/// Sends them for so many seconds. Each run counts from another number, so that no change is what the ICP is already.
pub(super) fn run(
    address: &str,
    requests: &Requests,
    connections: u16,
    seconds: u64,
    number: u64,
) -> Result<Outcome> {
    let script = requests.file.with_file_name("wrk.lua");
    let mut command = Command::new("wrk");
    command.args(["-t1", "--timeout", "10s", &format!("-c{connections}"), &format!("-d{seconds}s"), "-s"]);
    command
        .arg(script)
        .arg(format!("http://{address}"))
        .arg("--")
        .arg(&requests.file)
        .arg(number.to_string());
    let outcome = parse(&project::output(&mut command)?)?;
    outcome.check(requests.bytes)?;
    Ok(outcome)
}

fn parse(output: &str) -> Result<Outcome> {
    let line = output.lines().find_map(|line| line.strip_prefix("RESULT "));
    let line = line.with_context(|| format!("wrk gives no result: {output}"))?;
    serde_json::from_str(line).context("reading wrk's result")
}

impl Outcome {
    /// Of requests that somebody else has sent; `failed` of them had another answer than they should.
    pub(super) fn of(mut times: Vec<Duration>, failed: u64, elapsed: Duration) -> Self {
        times.sort_unstable();
        let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let at = |percent: usize| {
            let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(place).copied().map_or(0, microseconds)
        };
        let (requests, p50, p99) = (times.len() as u64, at(50), at(99));
        let microseconds = microseconds(elapsed);
        Self { requests, microseconds, bytes: 0, refused: 0, broken: 0, late: 0, failed, p50, p99 }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far fewer than 2^52")]
    pub(super) fn per_second(&self) -> f64 {
        self.requests as f64 * 1e6 / self.microseconds as f64
    }

    pub(super) fn p50_ms(&self) -> f64 {
        milliseconds(self.p50)
    }

    pub(super) fn p99_ms(&self) -> f64 {
        milliseconds(self.p99)
    }

    /// Requests without an answer, and answers of a status from 400 on.
    pub(super) fn failures(&self) -> u64 {
        self.refused + self.broken + self.late + self.failed
    }

    /// A status below 400 that is not the expected one shows in the size of the answers.
    #[expect(clippy::cast_precision_loss, reason = "counts are far fewer than 2^52")]
    fn check(&self, expected_bytes: f64) -> Result<()> {
        let Self { requests, bytes, failed, .. } = *self;
        if requests == 0 {
            bail!("no request was answered");
        }
        // With problem documents among them the average says nothing, and the run fails in any case.
        let bytes = bytes as f64 / requests as f64;
        if failed == 0 && !(0.5..1.5).contains(&(bytes / expected_bytes)) {
            bail!("answers have {bytes:.0} bytes where {expected_bytes:.0} were expected: they are others");
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a latency is far below 2^52 us")]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "Running 1s test @ http://127.0.0.1:1\n  1 threads\n\nRESULT {\"requests\":5000,\"microseconds\":2000000,\"bytes\":500000,\"refused\":0,\"broken\":0,\"late\":0,\"failed\":0,\"p50\":1500,\"p99\":9000}\n";

    #[test]
    fn what_wrk_counted_is_read() {
        let outcome = parse(OUTPUT).expect("a result");
        assert_eq!((outcome.per_second(), outcome.p50_ms(), outcome.p99_ms()), (2_500.0, 1.5, 9.0));
        assert!(parse("unable to connect").is_err());
    }

    #[test]
    fn a_run_with_other_answers_is_none() {
        let outcome = parse(OUTPUT).expect("a result");
        assert!(outcome.check(100.0).is_ok());
        assert!(outcome.check(5_000.0).is_err(), "a 304 in the place of a list");
        assert!(outcome.check(20.0).is_err(), "a list in the place of a 304");
        assert!(Outcome { failed: 1, ..outcome }.check(5_000.0).is_ok(), "failures are counted elsewhere");
        assert!(Outcome { requests: 0, ..outcome }.check(100.0).is_err(), "no answer at all");
    }

    #[test]
    fn what_others_sent_counts_as_well() {
        let times = [40, 10, 30, 20].map(Duration::from_millis).to_vec();
        let outcome = Outcome::of(times, 1, Duration::from_secs(2));
        assert_eq!((outcome.per_second(), outcome.p50_ms(), outcome.p99_ms()), (2.0, 20.0, 40.0));
        assert_eq!(outcome.failures(), 1);
    }

    #[test]
    fn every_failure_counts() {
        let outcome = parse(OUTPUT).expect("a result");
        assert_eq!(outcome.failures(), 0);
        for failing in [
            Outcome { failed: 1, ..outcome },
            Outcome { refused: 1, ..outcome },
            Outcome { broken: 1, ..outcome },
            Outcome { late: 1, ..outcome },
        ] {
            assert_eq!(failing.failures(), 1, "{failing:?}");
        }
    }

    #[test]
    fn the_script_knows_the_mark() {
        assert!(SCRIPT.contains(&format!("local MARK = \"{MARK}\"")));
    }
}
