//! CPU time and memory, as Linux reports them.

use anyhow::{Context, Result};
use procfs::process::{ClearRefs, Process, Stat, all_processes};
use procfs::{CurrentSI as _, KernelStats};

/// CPU times in ticks: of the service, of PostgreSQL, of this process with its ended children, and of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage([u64; 4]);

impl Usage {
    pub(super) fn now(service: Option<u32>, database: u32) -> Result<Self> {
        let time = KernelStats::current()?.total;
        let interrupts = time.irq.unwrap_or_default() + time.softirq.unwrap_or_default();
        let ticks = |id| Ok::<_, anyhow::Error>(ticks(&process(id)?.stat()?));
        // PostgreSQL's other processes are children of its first process.
        let (parent, stats) =
            (i32::try_from(database)?, all_processes()?.filter_map(|one| one.ok()?.stat().ok()));
        let backends: u64 = stats.filter(|stat| stat.ppid == parent).map(|stat| self::ticks(&stat)).sum();
        let machine = time.user + time.nice + time.system + interrupts;
        let service = service.map_or(Ok(0), ticks)?;
        Ok(Self([service, backends + ticks(database)?, ticks(std::process::id())?, machine]))
    }

    /// Returns the CPU seconds of the service, of PostgreSQL, and of processes outside the measurement.
    #[expect(clippy::cast_precision_loss, reason = "ticks are far below 2^52")]
    pub(super) fn since(self, before: Self) -> [f64; 3] {
        let Self(mut ticks) = self;
        ticks.iter_mut().zip(before.0).for_each(|(ticks, before)| *ticks = ticks.saturating_sub(before));
        let [service, database, own, machine] = ticks;
        let other = machine.saturating_sub(service + database + own);
        [service, database, other].map(|ticks| ticks as f64 / procfs::ticks_per_second() as f64)
    }
}

/// Returns the CPU time of a process and its ended children.
fn ticks(stat: &Stat) -> u64 {
    stat.utime + stat.stime + u64::try_from(stat.cutime + stat.cstime).unwrap_or_default()
}

fn process(id: u32) -> Result<Process> {
    Process::new(id.try_into()?).with_context(|| format!("process {id} has ended"))
}

/// Resets the peak memory of a process.
pub(super) fn reset_peak(id: u32) -> Result<()> {
    Ok(process(id)?.clear_refs(ClearRefs::PeakRSS)?)
}

/// Returns the peak memory of a process since the last [`reset_peak`].
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
pub(super) fn peak_megabytes(id: u32) -> Result<f64> {
    Ok(process(id)?.status()?.vmhwm.context("Linux reports no peak")? as f64 / 1024.0)
}
