//! What work costs, in time of processors.

use std::time::Instant;

use anyhow::Result;

use super::processes::Meter;

/// Whose costs are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    pub(super) meter: Meter,
    pub(super) service: Option<u32>,
    pub(super) database: Option<u32>,
}

/// CPU seconds, and those of the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Costs {
    pub(super) service: f64,
    pub(super) database: f64,
    /// The programs that this one has run.
    pub(super) programs: f64,
    /// This one itself.
    own: f64,
    machine: f64,
    pub(super) elapsed: f64,
}

impl Watched {
    pub(super) fn costs_of<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, Costs)> {
        let (start, before) = (Instant::now(), self.so_far()?);
        let outcome = work()?;
        let elapsed = start.elapsed().as_secs_f64();
        let after = self.so_far()?;
        let costs = Costs {
            service: after.service - before.service,
            database: after.database - before.database,
            programs: after.programs - before.programs,
            own: after.own - before.own,
            machine: after.machine - before.machine,
            elapsed,
        };
        Ok((outcome, costs))
    }

    fn so_far(&self) -> Result<Costs> {
        let meter = self.meter;
        Ok(Costs {
            service: self.service.map_or(Ok(0.0), |id| meter.process(id))?,
            database: self.database.map_or(Ok(0.0), |root| meter.tree(root))?,
            programs: meter.own_children()?,
            own: meter.process(std::process::id())?,
            machine: meter.machine()?,
            elapsed: 0.0,
        })
    }
}

impl Costs {
    /// What neither the measured nor the measuring used, in CPUs.
    pub(super) fn other(&self) -> f64 {
        let known = self.service + self.database + self.programs + self.own;
        ((self.machine - known) / self.elapsed).max(0.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far fewer than 2^52")]
pub(super) fn each(seconds: f64, operations: u64) -> f64 {
    seconds * 1e6 / operations as f64
}
