//! One measurement.

use std::thread;

use anyhow::{Context, Result, anyhow};
use serde::Serialize;

use super::costs::{Costs, Watched, each};
use super::pgbench::Script;
use super::postgres::{FILLED, WRITTEN};
use super::processes::{forget_peak, peak_megabytes};
use super::requests::What;
use super::scenarios::{On, Scenario, Work};
use super::stage::Stage;
use super::wrk::{self, Outcome};
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

pub(super) fn measure(stage: &Stage, scenario: &Scenario, seconds: u64, number: u64) -> Result<Measured> {
    match scenario.work {
        Work::Requests { on, what, connections } => beside_writes(stage, scenario.writes, seconds, || {
            of_requests(stage, (on, what), connections, seconds, number)
        }),
        Work::Pgbench { script, clients } => {
            let file = stage.scripts.get(&script).context("its script was not written")?;
            let (outcome, costs) =
                watched(stage, None)?.costs_of(|| stage.pgbench.run(script, file, clients, seconds))?;
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

/// Measures while somebody else writes: what that costs is told with it.
fn beside_writes(
    stage: &Stage,
    a_second: u16,
    seconds: u64,
    measure: impl FnOnce() -> Result<Measured>,
) -> Result<Measured> {
    if a_second == 0 {
        return measure();
    }
    let file = stage.scripts.get(&Script::Patch).context("its script was not written")?;
    thread::scope(|scope| {
        let writing = scope.spawn(|| stage.pgbench.run_slowly(Script::Patch, file, a_second, seconds));
        let measured = measure();
        writing.join().map_err(|_| anyhow!("the writing panicked"))??;
        measured
    })
}

fn of_requests(
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
    let measured = served(&watched(stage, Some(service.id()))?, || {
        wrk::run(service.address(), requests, connections, seconds, number)
    })?;
    let on_postgres = !matches!(on, On::Sqlite | On::SqliteBig | On::Memory);
    Ok(Measured { database_us: measured.database_us.filter(|_| on_postgres), ..measured })
}

/// What requests to the service that is watched have cost.
pub(super) fn served(watched: &Watched, send: impl FnOnce() -> Result<Outcome>) -> Result<Measured> {
    let service = watched.service.context("no service is watched")?;
    forget_peak(service);
    let (outcome, costs) = watched.costs_of(send)?;
    Ok(Measured {
        per_second: outcome.per_second(),
        p50_ms: Some(outcome.p50_ms()),
        p99_ms: Some(outcome.p99_ms()),
        service_us: Some(each(costs.service, outcome.requests)),
        database_us: watched.database.map(|_| each(costs.database, outcome.requests)),
        peak_mb: Some(peak_megabytes(service)?),
        failed: outcome.failures(),
        other_cpus: costs.other(),
    })
}

fn watched(stage: &Stage, service: Option<u32>) -> Result<Watched> {
    Ok(Watched { meter: stage.meter, service, database: Some(stage.postgres.id()?) })
}

#[expect(clippy::cast_precision_loss, reason = "rows are far fewer than 2^52")]
fn filling(stage: &Stage, fill: impl FnOnce() -> Result<()>) -> Result<(Measured, Costs)> {
    stage.postgres.empty(FILLED)?;
    let ((), costs) = watched(stage, None)?.costs_of(fill)?;
    let measured = Measured {
        per_second: stage.rows as f64 / costs.elapsed,
        database_us: Some(each(costs.database, stage.rows)),
        other_cpus: costs.other(),
        ..Measured::default()
    };
    Ok((measured, costs))
}
