//! One measurement.

use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

use super::postgres::{FILLED, WRITTEN};
use super::processes::{forget_peak, peak_megabytes};
use super::requests::What;
use super::scenarios::{On, Scenario, Work};
use super::stage::Stage;
use super::wrk;
use crate::project;

/// What is known of a scenario in one round. An operation is a request, a transaction, or an ICP that is imported.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Measured {
    pub(super) per_second: f64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    /// CPU of the service, in microseconds an operation.
    pub(super) service_us: Option<f64>,
    /// CPU of PostgreSQL with all its processes, in microseconds an operation.
    pub(super) database_us: Option<f64>,
    pub(super) peak_mb: Option<f64>,
    /// Requests that broke, came late, or were answered with an error: any of them spoils the run.
    pub(super) failed: u64,
    /// What neither the measured nor the measuring used, in CPUs: much of it spoils a round.
    pub(super) other_cpus: f64,
}

/// CPU seconds, and those of the clock.
#[derive(Clone, Copy, Debug)]
struct Costs {
    service: f64,
    database: f64,
    /// The programs that this one has run.
    programs: f64,
    machine: f64,
    elapsed: f64,
}

pub(super) fn measure(stage: &Stage, scenario: &Scenario, seconds: u64, number: u64) -> Result<Measured> {
    match scenario.work {
        Work::Requests { on, what, connections } => requests(stage, (on, what), connections, seconds, number),
        Work::Pgbench { script, clients } => {
            let file = stage.scripts.get(&script).context("its script was not written")?;
            let (outcome, costs) =
                costs_of(stage, None, || stage.pgbench.run(script, file, clients, seconds))?;
            Ok(Measured {
                per_second: outcome.per_second,
                database_us: Some(each(costs.database, outcome.transactions)),
                other_cpus: costs.other(),
                ..Measured::default()
            })
        }
        Work::Import => {
            let mut import = stage.import();
            let fill = || project::output(&mut import).map(drop);
            let (filled, costs) = filling(stage, fill)?;
            Ok(Measured { service_us: Some(each(costs.programs, stage.rows)), ..filled })
        }
        Work::Copy => Ok(filling(stage, || stage.postgres.copy_in(FILLED))?.0),
    }
}

fn requests(
    stage: &Stage,
    (on, what): (On, What),
    connections: u16,
    seconds: u64,
    number: u64,
) -> Result<Measured> {
    let service = stage.service(on)?;
    let requests = stage.requests.get(&(on, what)).context("its requests were not checked")?;
    if on == On::PostgresWritten {
        // Plans follow what is there now, not when the server gets round to looking.
        stage.postgres.run(WRITTEN, &["ANALYZE"])?;
    }
    forget_peak(service.id());
    let (outcome, costs) = costs_of(stage, Some(service.id()), || {
        wrk::run(service.address(), requests, connections, seconds, number)
    })?;
    let on_postgres = matches!(on, On::Postgres | On::PostgresBig | On::PostgresWritten);
    Ok(Measured {
        per_second: outcome.per_second(),
        p50_ms: Some(outcome.p50_ms()),
        p99_ms: Some(outcome.p99_ms()),
        service_us: Some(each(costs.service, outcome.requests)),
        database_us: on_postgres.then(|| each(costs.database, outcome.requests)),
        peak_mb: Some(peak_megabytes(service.id())?),
        failed: outcome.failures(),
        other_cpus: costs.other(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "rows are far fewer than 2^52")]
fn filling(stage: &Stage, fill: impl FnOnce() -> Result<()>) -> Result<(Measured, Costs)> {
    stage.postgres.empty(FILLED)?;
    let ((), costs) = costs_of(stage, None, fill)?;
    let measured = Measured {
        per_second: stage.rows as f64 / costs.elapsed,
        database_us: Some(each(costs.database, stage.rows)),
        other_cpus: costs.other(),
        ..Measured::default()
    };
    Ok((measured, costs))
}

fn costs_of<T>(stage: &Stage, service: Option<u32>, work: impl FnOnce() -> Result<T>) -> Result<(T, Costs)> {
    let (start, before) = (Instant::now(), Costs::so_far(stage, service)?);
    let outcome = work()?;
    let elapsed = start.elapsed().as_secs_f64();
    let after = Costs::so_far(stage, service)?;
    let costs = Costs {
        service: after.service - before.service,
        database: after.database - before.database,
        programs: after.programs - before.programs,
        machine: after.machine - before.machine,
        elapsed,
    };
    Ok((outcome, costs))
}

impl Costs {
    fn so_far(stage: &Stage, service: Option<u32>) -> Result<Self> {
        let meter = stage.meter;
        Ok(Self {
            service: service.map_or(Ok(0.0), |id| meter.process(id))?,
            database: meter.tree(stage.postgres.id()?)?,
            programs: meter.own_children()?,
            machine: meter.machine()?,
            elapsed: 0.0,
        })
    }

    fn other(&self) -> f64 {
        ((self.machine - self.service - self.database - self.programs) / self.elapsed).max(0.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far fewer than 2^52")]
fn each(seconds: f64, operations: u64) -> f64 {
    seconds * 1e6 / operations as f64
}
