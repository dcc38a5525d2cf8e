//! The few connections that all requests share.

use std::sync::Arc;
use std::time::Duration;

use icp_ports::{Measured, Measurement, RepositoryError};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::connector::Connector;
use crate::error::{QueryError, takes_no_writes, timed_out};
use crate::lanes::Lanes;

/// Reads in flight on one connection. More would gain nothing, and leave more undone work behind where clients go away.
const READS_PER_LANE: usize = 16;
/// The readiness probe, and whoever watches a standby.
const LOOKS: usize = 4;
/// Writes in flight on one connection: each waits for those before it to be on the disk.
const WRITES_PER_LANE: usize = 4;

const READS: &[(&str, &str)] = &[("use", "reads")];
const LONG_READS: &[(&str, &str)] = &[("use", "long reads")];
const WRITES: &[(&str, &str)] = &[("use", "writes")];

/// Reads and writes have connections of their own, so that no read waits until a write is on the disk; and so have long reads,
/// so that no short one waits until a long one is through.
pub(crate) struct Connections {
    reads: Lanes,
    writes: Lanes,
    long_reads: Lanes,
    /// For looking how the database is: it must not wait behind users, nor they behind it, and it must not have their
    /// connections live where it looks from.
    looks: Lanes,
    acquire_limit: Duration,
    limit: Duration,
}

impl Connections {
    /// So many connections for short reads, as many for long ones, and as many for writes.
    ///
    /// Those for writes live on the present runtime, which is the process's own. Those for reads live where they are first
    /// needed, which is a worker's: that costs a third less CPU a read, and a read whose connection ends with its worker is
    /// repeated on another.
    pub(crate) fn new(connector: &Connector, lanes: usize) -> Self {
        Self {
            reads: Lanes::new(connector.planning_once(), None, lanes, READS_PER_LANE).staying_at_home(),
            writes: Lanes::new(connector.clone(), Handle::try_current().ok(), lanes, WRITES_PER_LANE),
            long_reads: Lanes::new(connector.planning_once(), None, lanes, READS_PER_LANE),
            looks: Lanes::new(connector.clone(), Handle::try_current().ok(), 1, LOOKS),
            acquire_limit: connector.limits().acquire,
            limit: connector.limits().statement,
        }
    }

    pub(crate) fn measurements(&self) -> Vec<Measurement> {
        [(READS, &self.reads), (LONG_READS, &self.long_reads), (WRITES, &self.writes)]
            .into_iter()
            .flat_map(|(labels, lanes)| {
                let gauge =
                    |name, help, value| Measurement { name, help, labels, value: Measured::Gauge(value) };
                [
                    gauge("database_connections", "Connections to the database that are open", lanes.open()),
                    gauge(
                        "database_statements_in_flight",
                        "Statements that are under way",
                        lanes.in_flight(),
                    ),
                    gauge("database_statements_most", "Statements that may be under way", lanes.most()),
                ]
            })
            .collect()
    }

    /// For a read with its repetitions.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// For a turn.
    pub(crate) fn acquire_limit(&self) -> Duration {
        self.acquire_limit
    }

    /// Runs a read, and once more when a connection broke on the way. That is safe for whatever changes nothing.
    pub(crate) async fn read<T, F: Future<Output = Result<T, QueryError>>>(
        &self,
        query: impl Fn(Arc<Connection>) -> F,
    ) -> Result<T, RepositoryError> {
        self.read_on(&self.reads, query).await
    }

    /// The same for one whose answer may be long.
    pub(crate) async fn read_long<T, F: Future<Output = Result<T, QueryError>>>(
        &self,
        query: impl Fn(Arc<Connection>) -> F,
    ) -> Result<T, RepositoryError> {
        self.read_on(&self.long_reads, query).await
    }

    /// The same for what no user waits for.
    pub(crate) async fn look<T, F: Future<Output = Result<T, QueryError>>>(
        &self,
        query: impl Fn(Arc<Connection>) -> F,
    ) -> Result<T, RepositoryError> {
        self.read_on(&self.looks, query).await
    }

    async fn read_on<T, F: Future<Output = Result<T, QueryError>>>(
        &self,
        lanes: &Lanes,
        query: impl Fn(Arc<Connection>) -> F,
    ) -> Result<T, RepositoryError> {
        let reading = async {
            let mut turn = lanes.turn().await?;
            match turn.run(&query).await {
                Err(RepositoryError::Unavailable(error)) => {
                    tracing::debug!(error = %error, "reading again on a new connection");
                    turn.run(&query).await
                }
                result => result,
            }
        };
        timeout(self.limit, reading).await.unwrap_or_else(|_| Err(timed_out(self.limit)))
    }

    /// Runs a write once: of one whose connection breaks nobody knows whether it was done.
    pub(crate) async fn write<T, F: Future<Output = Result<T, QueryError>>>(
        &self,
        query: impl Fn(Arc<Connection>) -> F,
    ) -> Result<T, RepositoryError> {
        let writing = async { self.writes.turn().await?.run(&query).await };
        let result = timeout(self.limit, writing).await.unwrap_or_else(|_| Err(timed_out(self.limit)));
        if result.as_ref().is_err_and(takes_no_writes) {
            // It has become a standby. What a pooler still holds open leads to it, too.
            self.reads.discard_all();
            self.long_reads.discard_all();
            self.writes.discard_all();
        }
        result
    }
}
