//! The few connections that all reads share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use icp_ports::RepositoryError;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

use crate::error::{connection_is_suspect, driver_failed, query_failed, timed_out};

/// For connecting, until the server has taken the session.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// For a read with all its repetitions.
const READ_LIMIT: Duration = Duration::from_secs(4);

/// Opens a connection for diesel.
pub(crate) async fn connect(config: &Config) -> Result<AsyncPgConnection, RepositoryError> {
    let connecting = async {
        let (client, connection) = config.connect(NoTls).await.map_err(driver_failed)?;
        AsyncPgConnection::try_from_client_and_connection(client, connection)
            .await
            .map_err(|error| RepositoryError::Unavailable(error.into()))
    };
    timeout(CONNECT_LIMIT, connecting).await.unwrap_or_else(|_| Err(timed_out(CONNECT_LIMIT)))
}

/// A fixed number of lanes, each of one connection on which any number of reads are in flight.
///
/// This is no pool: nobody waits for a connection that another request has taken. With one pool connection a request, four
/// times as many connections serve fewer requests.
pub(crate) struct Connections {
    config: Config,
    lanes: Box<[Lane]>,
    next: AtomicUsize,
}

#[derive(Default)]
struct Lane {
    current: ArcSwapOption<AsyncPgConnection>,
    /// Held while connecting, so that many requests make one connection.
    connecting: Mutex<()>,
}

impl Connections {
    pub(crate) fn new(config: Config, lanes: usize) -> Self {
        let lanes = (0..lanes.max(1)).map(|_| Lane::default()).collect();
        Self { config, lanes, next: AtomicUsize::new(0) }
    }

    /// Runs a read, and once more when a connection broke on the way. That is safe for whatever changes nothing.
    pub(crate) async fn read<T, F: Future<Output = QueryResult<T>>>(
        &self,
        query: impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, RepositoryError> {
        let lane = self.next_lane();
        let reading = async {
            match self.attempt(lane, &query).await {
                Err(RepositoryError::Unavailable(error)) => {
                    tracing::debug!(error = %error, "reading again on a new connection");
                    self.attempt(lane, &query).await
                }
                result => result,
            }
        };
        timeout(READ_LIMIT, reading).await.unwrap_or_else(|_| {
            // It hangs, and so would the next read on it.
            lane.current.store(None);
            Err(timed_out(READ_LIMIT))
        })
    }

    async fn attempt<T, F: Future<Output = QueryResult<T>>>(
        &self,
        lane: &Lane,
        query: &impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, RepositoryError> {
        let connection = self.connection(lane).await?;
        query(Arc::clone(&connection)).await.map_err(|error| {
            if connection_is_suspect(&error) {
                lane.discard(&connection);
            }
            query_failed(error)
        })
    }

    async fn connection(&self, lane: &Lane) -> Result<Arc<AsyncPgConnection>, RepositoryError> {
        if let Some(connection) = lane.current.load_full() {
            return Ok(connection);
        }
        let _connecting = lane.connecting.lock().await;
        if let Some(connection) = lane.current.load_full() {
            return Ok(connection);
        }
        let connection = Arc::new(connect(&self.config).await?);
        lane.current.store(Some(Arc::clone(&connection)));
        Ok(connection)
    }

    fn next_lane(&self) -> &Lane {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len();
        #[expect(
            clippy::indexing_slicing,
            reason = "there is at least one lane, and the remainder is below their number"
        )]
        &self.lanes[turn]
    }
}

impl Lane {
    /// Takes a broken connection out, unless somebody has done so and put a new one there.
    fn discard(&self, broken: &Arc<AsyncPgConnection>) {
        let current = self.current.load();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, broken)) {
            self.current.compare_and_swap(&*current, None);
        }
    }
}
