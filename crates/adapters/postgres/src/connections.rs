//! The few connections that all requests share.

use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use icp_ports::RepositoryError;
use tokio::time::timeout;
use tokio_postgres::Config;

use crate::connection::Connection;
use crate::error::timed_out;
use crate::lanes::Lanes;

/// For a read with all its repetitions, and for a write.
const LIMIT: Duration = Duration::from_secs(4);
/// Reads in flight on one connection. More would gain nothing, and leave more undone work behind where clients go away.
const READS_PER_LANE: usize = 16;
/// Writes in flight on one connection: each waits for those before it to be on the disk.
const WRITES_PER_LANE: usize = 4;

/// Reads and writes have connections of their own, so that no read waits until a write is on the disk.
pub(crate) struct Connections {
    reads: Lanes,
    writes: Lanes,
}

impl Connections {
    /// So many connections for reads, and as many for writes.
    pub(crate) fn new(config: &Config, lanes: usize) -> Self {
        Self {
            reads: Lanes::new(config.clone(), lanes, READS_PER_LANE),
            writes: Lanes::new(config.clone(), lanes, WRITES_PER_LANE),
        }
    }

    /// Runs a read, and once more when a connection broke on the way. That is safe for whatever changes nothing.
    pub(crate) async fn read<T, F: Future<Output = QueryResult<T>>>(
        &self,
        query: impl Fn(Arc<Connection>) -> F,
    ) -> Result<T, RepositoryError> {
        let reading = async {
            let mut turn = self.reads.turn().await;
            match turn.run(&query).await {
                Err(RepositoryError::Unavailable(error)) => {
                    tracing::debug!(error = %error, "reading again on a new connection");
                    turn.run(&query).await
                }
                result => result,
            }
        };
        timeout(LIMIT, reading).await.unwrap_or_else(|_| Err(timed_out(LIMIT)))
    }

    /// Runs a write once: of one whose connection breaks nobody knows whether it was done.
    pub(crate) async fn write<T, F: Future<Output = QueryResult<T>>>(
        &self,
        query: impl Fn(Arc<Connection>) -> F,
    ) -> Result<T, RepositoryError> {
        let writing = async { self.writes.turn().await.run(&query).await };
        timeout(LIMIT, writing).await.unwrap_or_else(|_| Err(timed_out(LIMIT)))
    }
}
