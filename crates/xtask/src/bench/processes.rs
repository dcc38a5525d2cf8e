//! What processes cost, as Linux counts it.

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::project;

/// One line of `/proc/PID/stat`, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own: u64,
    /// Of its children that have ended and been noticed.
    of_children: u64,
}

/// Reads what processes have used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    ticks_per_second: f64,
}

impl Meter {
    pub(super) fn new() -> Result<Self> {
        if !cfg!(target_os = "linux") {
            bail!("what a request costs is read from /proc: measure on Linux");
        }
        let ticks = project::output(Command::new("getconf").arg("CLK_TCK"))?;
        Ok(Self { ticks_per_second: ticks.trim().parse().context("getconf CLK_TCK gives no number")? })
    }

    /// Seconds of one process.
    pub(super) fn process(self, id: u32) -> Result<f64> {
        let stat = stat(id).with_context(|| format!("process {id} has ended"))?;
        Ok(self.seconds(stat.own))
    }

    /// Seconds of a process and all that come of it, of which some have ended.
    pub(super) fn tree(self, root: u32) -> Result<f64> {
        let (of_ended, stats) = still(root)?;
        let alive: u64 =
            family(root, &stats).iter().filter_map(|id| stats.get(id)).map(|stat| stat.own).sum();
        Ok(self.seconds(alive + of_ended))
    }

    /// Seconds of the programs that this one has run.
    pub(super) fn own_children(self) -> Result<f64> {
        let stat = stat(std::process::id()).context("we are running")?;
        Ok(self.seconds(stat.of_children))
    }

    /// Seconds of everything on the machine.
    pub(super) fn machine(self) -> Result<f64> {
        let text = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
        Ok(self.seconds(parse_busy(&text).context("/proc/stat is not as expected")?))
    }

    #[expect(clippy::cast_precision_loss, reason = "ticks are far fewer than 2^52")]
    fn seconds(self, ticks: u64) -> f64 {
        ticks as f64 / self.ticks_per_second
    }
}

/// The most memory that a process had since the last [`forget_peak`], in MB.
pub(super) fn peak_megabytes(id: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).context("reading a process's memory")?;
    parse_peak(&status).context("a process's status names no peak")
}

/// Has the peak count from now. Where that is not allowed, it counts from the start.
pub(super) fn forget_peak(id: u32) {
    let _ = fs::write(format!("/proc/{id}/clear_refs"), "5");
}

fn all() -> Result<HashMap<u32, Stat>> {
    let entries = fs::read_dir("/proc").context("reading /proc")?.flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(ids.filter_map(|id| Some((id, stat(id)?))).collect())
}

/// What a process has from those that have ended, and all processes, between which none of its own has ended: its time
/// would be missed, or count twice.
fn still(root: u32) -> Result<(u64, HashMap<u32, Stat>)> {
    for _ in 0..100 {
        let before = stat(root).with_context(|| format!("process {root} has ended"))?;
        let stats = all()?;
        if stat(root).is_some_and(|after| after.of_children == before.of_children) {
            return Ok((before.of_children, stats));
        }
        sleep(Duration::from_millis(10));
    }
    bail!("processes of {root} end all the time")
}

fn stat(id: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

fn family(root: u32, stats: &HashMap<u32, Stat>) -> Vec<u32> {
    let (mut family, mut next) = (Vec::new(), vec![root]);
    while let Some(id) = next.pop() {
        family.push(id);
        next.extend(stats.iter().filter(|(_, stat)| stat.parent == id).map(|(child, _)| *child));
    }
    family
}

/// `123 (name) S 1 ...`; the name may hold spaces and parentheses. See proc(5) for the fields.
fn parse_stat(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(4)?).ok()?,
        own: number(14)? + number(15)?,
        of_children: number(16)? + number(17)?,
    })
}

/// The first line: all but `idle` and `iowait`, and what a host took from us (`steal`, and `guest`, which counts twice).
fn parse_busy(text: &str) -> Option<u64> {
    let numbers: Option<Vec<u64>> = text
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_ascii_whitespace()
        .map(|field| field.parse().ok())
        .collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = *numbers? else { return None };
    Some(user + nice + system + irq + softirq)
}

/// The line `VmHWM:    12345 kB`.
fn parse_peak(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_it_is_called() {
        let line = "71 (a) b (c) S 7 71 71 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 5";
        assert_eq!(parse_stat(line), Some(Stat { parent: 7, own: 120, of_children: 7 }));
        assert_eq!(parse_stat("71 (a) S 7"), None);
    }

    #[test]
    fn the_family_is_whoever_comes_of_the_root() {
        let stat = |parent| Stat { parent, own: 1, of_children: 0 };
        let stats = HashMap::from([(1, stat(0)), (2, stat(1)), (3, stat(2)), (4, stat(0))]);
        let mut found = family(1, &stats);
        found.sort_unstable();
        assert_eq!(found, [1, 2, 3]);
    }

    #[test]
    fn time_that_is_idle_or_stolen_is_not_busy() {
        let text = "cpu  10 20 30 1000 500 4 5 70 80 90\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(parse_busy(text), Some(69));
        assert_eq!(parse_busy("cpu 1 2"), None);
    }

    #[test]
    fn the_peak_is_in_the_status() {
        assert_eq!(parse_peak("Name:\ticp\nVmHWM:\t   20480 kB\nVmRSS:\t  1 kB\n"), Some(20.0));
        assert_eq!(parse_peak("Name:\ticp\n"), None);
    }
}
