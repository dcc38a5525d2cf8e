//! The few connections that all reads share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use icp_ports::RepositoryError;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

use crate::error::{connection_is_suspect, driver_failed, query_failed, timed_out};

/// For connecting, until the server has taken the session.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// For a read with all its repetitions.
const READ_LIMIT: Duration = Duration::from_secs(4);
/// A connection on which a read has waited for so long in vain is replaced: it costs little.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// The same limit on the server's side, so that it does not go on with what nobody waits for.
const STATEMENT_LIMIT: &str = "SET statement_timeout = '4s'";
/// Reads in flight on one connection. More would gain nothing, and leave more undone work behind where clients go away.
const READS_PER_LANE: usize = 16;

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

/// A fixed number of lanes, each of one connection on which several reads are in flight, one behind the other.
///
/// This is no pool: nobody waits for a connection that another request has taken. With one pool connection a request, four
/// times as many connections serve fewer requests.
pub(crate) struct Connections {
    config: Config,
    lanes: Box<[Lane]>,
    next: AtomicUsize,
}

struct Lane {
    current: ArcSwapOption<AsyncPgConnection>,
    /// Held while connecting, so that many requests make one connection.
    connecting: Mutex<()>,
    /// Room for reads.
    room: Arc<Semaphore>,
}

impl Connections {
    pub(crate) fn new(config: Config, lanes: usize) -> Self {
        let lanes = (0..lanes.max(1)).map(|_| Lane::new()).collect();
        Self { config, lanes, next: AtomicUsize::new(0) }
    }

    /// Runs a read, and once more when a connection broke on the way. That is safe for whatever changes nothing.
    pub(crate) async fn read<T, F: Future<Output = QueryResult<T>>>(
        &self,
        query: impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, RepositoryError> {
        let lane = self.freest_lane();
        let reading = async {
            let room = Arc::clone(&lane.room).acquire_owned().await;
            let mut read = Read { lane, connection: None, room: room.ok() };
            match self.attempt(&mut read, &query).await {
                Err(RepositoryError::Unavailable(error)) => {
                    tracing::debug!(error = %error, "reading again on a new connection");
                    self.attempt(&mut read, &query).await
                }
                result => result,
            }
        };
        timeout(READ_LIMIT, reading).await.unwrap_or_else(|_| Err(timed_out(READ_LIMIT)))
    }

    async fn attempt<T, F: Future<Output = QueryResult<T>>>(
        &self,
        read: &mut Read<'_>,
        query: &impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, RepositoryError> {
        let connection = self.connection(read.lane).await?;
        read.connection = Some((Arc::clone(&connection), std::time::Instant::now()));
        let result = query(Arc::clone(&connection)).await;
        read.connection = None;
        result.map_err(|error| {
            if connection_is_suspect(&error) {
                read.lane.discard(&connection);
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
        let mut connection = connect(&self.config).await?;
        connection.batch_execute(STATEMENT_LIMIT).await.map_err(query_failed)?;
        let connection = Arc::new(connection);
        lane.current.store(Some(Arc::clone(&connection)));
        Ok(connection)
    }

    /// The lane with the most room; of equals, each in its turn.
    fn freest_lane(&self) -> &Lane {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len();
        let (before, from) = self.lanes.split_at(turn);
        let in_turn = from.iter().chain(before);
        #[expect(clippy::expect_used, reason = "there is at least one lane")]
        in_turn.rev().max_by_key(|lane| lane.room.available_permits()).expect("a lane")
    }
}

impl Lane {
    fn new() -> Self {
        let room = Arc::new(Semaphore::new(READS_PER_LANE));
        Self { current: ArcSwapOption::empty(), connecting: Mutex::new(()), room }
    }

    /// Takes a broken connection out, unless somebody has done so and put a new one there.
    fn discard(&self, broken: &Arc<AsyncPgConnection>) {
        let current = self.current.load();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, broken)) {
            self.current.compare_and_swap(&*current, None);
        }
    }
}

/// A read that has room on a lane, and the connection that it waits on.
struct Read<'a> {
    lane: &'a Lane,
    connection: Option<(Arc<AsyncPgConnection>, std::time::Instant)>,
    room: Option<OwnedSemaphorePermit>,
}

/// A read that is given up in the middle, because its client has gone or its time is over, is still on its way through
/// the connection. It keeps its room until it is through: otherwise those who hang up could fill the lane unseen.
impl Drop for Read<'_> {
    fn drop(&mut self) {
        let (Some((connection, since)), Some(room)) = (self.connection.take(), self.room.take()) else {
            return;
        };
        if since.elapsed() >= PATIENCE {
            // It may hang, and so would the next read on it.
            self.lane.discard(&connection);
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                // What is asked now is answered after what was asked before.
                let _ = timeout(READ_LIMIT, (&mut &*connection).batch_execute("")).await;
                drop(room);
            });
        }
    }
}
