//! The pool of connections. Each connection is used by one request, or by one batch of requests, at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::managed::{self, Object, PoolError};
use diesel::QueryResult;
use diesel::result::DatabaseErrorKind::ReadOnlyTransaction;
use diesel::result::Error::DatabaseError;
use diesel_async::AsyncPgConnection;
use futures_util::future::BoxFuture;
use icp_ports::RepositoryError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use crate::connect::ConnectionOpener;
use crate::error::{query_failed, suspects_connection, timed_out};

/// Time for which a [`Share`] has one permit fewer after a failed attempt to open a connection. Applies only while the
/// share has another open connection.
const RECONNECT_PAUSE: Duration = Duration::from_secs(5);
/// Pause of a request between two checks whether another worker has opened a connection.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The connections to a database, for one worker or for the tasks outside of the workers. Each worker
/// has its own share of the connections, and so have the other tasks. If the own share has no connection and cannot
/// open one, a share that has one is used.
#[derive(Clone)]
pub(crate) struct Pool {
    shares: Arc<[Share]>,
    /// The index of the own share.
    own_index: usize,
}

/// The numbers of connections to a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Open connections.
    pub open: usize,
    /// Connections that are in use by a request.
    pub in_use: usize,
    /// Maximum number of connections.
    pub max: usize,
}

/// The deadlines of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// Deadline of the wait for a free connection. If a new connection must be opened, only `result` limits that time.
    pub(crate) acquire: Instant,
    /// Deadline for the result.
    pub(crate) result: Instant,
}

impl Deadline {
    /// Returns the same deadline for the connection and the result.
    pub(crate) fn within(time: Duration) -> Self {
        let until = Instant::now() + time;
        Self { acquire: until, result: until }
    }
}

impl Pool {
    /// Divides `max` connections among `workers`, and reserves one connection for other tasks. Without workers, or if
    /// `max` is 1, all connections are for other tasks. Does not open a connection.
    pub(crate) fn new(opener: &ConnectionOpener, max: usize, workers: usize) -> Self {
        let max = max.max(1);
        let workers = workers.min(max - 1);
        let size = |index| (max - 1) / workers + usize::from(index < (max - 1) % workers);
        let sizes = (0..workers).map(size).chain([if workers == 0 { max } else { 1 }]);
        Self { shares: sizes.map(|size| Share::new(opener.clone(), size)).collect(), own_index: workers }
    }

    /// Returns the pool of each worker. If there are no shares for workers, returns a single pool.
    pub(crate) fn worker_pools(&self) -> impl Iterator<Item = Self> + use<> {
        let shares = Arc::clone(&self.shares);
        (0..self.own_index.max(1)).map(move |own_index| Self { shares: Arc::clone(&shares), own_index })
    }

    #[expect(clippy::indexing_slicing, reason = "every `own_index` is the index of a share")]
    fn own_share(&self) -> &Share {
        &self.shares[self.own_index]
    }

    /// Returns the error of a request that got no connection in time.
    pub(crate) fn rejection(&self) -> RepositoryError {
        self.own_share().rejection()
    }

    pub(crate) fn opener(&self) -> &ConnectionOpener {
        self.own_share().connections.manager()
    }

    /// Returns the deadline of a request that begins now.
    pub(crate) fn deadline(&self) -> Deadline {
        let (now, limits) = (Instant::now(), self.opener().limits());
        Deadline { acquire: now + limits.acquire, result: now + limits.statement }
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let mut sum = PoolStatus::default();
        for managed::Status { size, available, max_size, .. } in self.shares.iter().map(Share::status) {
            sum.open += size;
            sum.in_use += size.saturating_sub(available);
            sum.max += max_size;
        }
        sum
    }

    /// Waits for a connection of the own share. If the own share reports that the database is unavailable, for example
    /// because it cannot open a connection, waits for a connection of a share that has one.
    pub(crate) async fn acquire(&self, deadline: Deadline) -> Result<Lease, RepositoryError> {
        let acquiring = async {
            loop {
                let lease = self.own_share().acquire(deadline).await;
                let Err(RepositoryError::Unavailable(_)) = lease else { return lease };
                if let Some(other) = self.shares.iter().find(|share| share.status().size > 0) {
                    return other.acquire(deadline).await;
                }
                // Another worker may be opening the last connection that the server allows.
                if !self.opener().is_connecting() || Instant::now() >= deadline.acquire {
                    return lease;
                }
                sleep(POLL_INTERVAL).await;
            }
        };
        let acquired = timeout_at(deadline.result, acquiring).await;
        acquired.unwrap_or_else(|_| Err(timed_out(self.opener().limits().statement)))
    }

    /// Runs a statement once. Writes must use this method, because a write may have been committed although its
    /// connection was lost.
    ///
    /// The statement runs in a separate task. So the connection stays in use until the statement ends, even if the
    /// caller was dropped before.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Deadline,
        statement: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, QueryResult<T>>
        + Send
        + 'static,
    ) -> Result<T, RepositoryError> {
        let lease = self.acquire(deadline).await?;
        let running = tokio::spawn(lease.run(deadline, statement));
        running.await.unwrap_or_else(|error| Err(RepositoryError::Unavailable(error.into())))
    }

    /// Runs a read-only statement. Repeats it once if the database was unavailable, such as after a lost connection,
    /// and the deadline has not passed.
    ///
    /// The future is boxed because its state has several kilobytes. Otherwise every caller would contain and copy
    /// this state.
    pub(crate) fn read<Q: Send + Sync + 'static, T: Send + 'static>(
        &self,
        deadline: Deadline,
        query: Q,
        statement: impl for<'c> Fn(&'c mut AsyncPgConnection, &'c Q) -> BoxFuture<'c, QueryResult<T>>
        + Copy
        + Send
        + Sync
        + 'static,
    ) -> BoxFuture<'_, Result<T, RepositoryError>> {
        let query = Arc::new(query);
        let run = move || {
            let query = Arc::clone(&query);
            self.run(deadline, move |connection| Box::pin(async move { statement(connection, &query).await }))
        };
        Box::pin(async move {
            match run().await {
                Err(RepositoryError::Unavailable(error)) if Instant::now() < deadline.result => {
                    tracing::debug!(error, "the read is repeated on another connection");
                    run().await
                }
                result => result,
            }
        })
    }
}

/// The connections of one worker, or of the tasks outside of the workers.
#[derive(Clone)]
struct Share {
    connections: managed::Pool<ConnectionOpener>,
    /// One permit for each connection that is open or may be opened. deadpool fails a request if it cannot open a
    /// connection. `Share` does so only if it has no open connection. Otherwise, it removes the permit for
    /// [`RECONNECT_PAUSE`], and the request waits for an open connection.
    permits: Arc<Semaphore>,
    /// The time of the last successful response on one of these connections.
    last_response: Arc<Mutex<Instant>>,
}

impl Share {
    #[expect(clippy::expect_used, reason = "building a pool fails only if it has timeouts and no runtime")]
    fn new(opener: ConnectionOpener, size: usize) -> Self {
        let connections = managed::Pool::builder(opener)
            .max_size(size)
            .build()
            .expect("a pool without timeouts must be built");
        let last_response = Arc::new(Mutex::new(Instant::now()));
        Self { connections, permits: Arc::new(Semaphore::new(size)), last_response }
    }

    fn status(&self) -> managed::Status {
        self.connections.status()
    }

    async fn acquire(&self, deadline: Deadline) -> Result<Lease, RepositoryError> {
        loop {
            let permit = timeout_at(deadline.acquire, Arc::clone(&self.permits).acquire_owned()).await;
            let Ok(Ok(permit)) = permit else { return Err(self.rejection()) };
            match self.connections.get().await {
                Ok(pooled) => return Ok(Lease { pooled, share: self.clone(), _permit: permit }),
                Err(PoolError::Backend(error)) if self.status().size > 0 => {
                    self.pause_connecting(permit, &error);
                }
                Err(PoolError::Backend(error)) => return Err(error),
                Err(error) => return Err(RepositoryError::Backend(error.into())),
            }
        }
    }

    /// Returns the error of a request that got no connection in time. If the database has recently responded to
    /// another request, it is overloaded. Otherwise it is unavailable.
    fn rejection(&self) -> RepositoryError {
        let max_silence = self.connections.manager().limits().acquire / 2;
        let last_response = *self.last_response.lock().unwrap_or_else(PoisonError::into_inner);
        if self.status().size == 0 || last_response.elapsed() > max_silence {
            RepositoryError::Unavailable("the database does not respond".into())
        } else {
            RepositoryError::Overloaded
        }
    }

    /// Removes the permit of a connection that could not be opened, and adds it again after [`RECONNECT_PAUSE`].
    fn pause_connecting(&self, permit: OwnedSemaphorePermit, error: &RepositoryError) {
        self.connections.manager().log_failure_once(error);
        permit.forget();
        let permits = Arc::clone(&self.permits);
        tokio::spawn(async move {
            sleep(RECONNECT_PAUSE).await;
            permits.add_permits(1);
        });
    }
}

/// A connection that is in use.
pub(crate) struct Lease {
    pooled: Object<ConnectionOpener>,
    share: Share,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Runs a statement, and cancels it at the deadline.
    pub(crate) async fn run<T>(
        mut self,
        deadline: Deadline,
        statement: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, QueryResult<T>>,
    ) -> Result<T, RepositoryError> {
        let opener = self.share.connections.manager();
        match timeout_at(deadline.result, statement(&mut self.pooled.client.diesel)).await {
            Ok(Ok(value)) => {
                *self.share.last_response.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                Ok(value)
            }
            Ok(Err(error)) => {
                if matches!(error, DatabaseError(ReadOnlyTransaction, _)) {
                    // The server has become a standby, so all other connections to it are read-only, too.
                    opener.replace_all();
                }
                if suspects_connection(&error) {
                    drop(Object::take(self.pooled));
                }
                Err(query_failed(error))
            }
            Err(_) => {
                let (opener, limit) = (opener.clone(), opener.limits().statement);
                let pooled = Object::take(self.pooled);
                tokio::spawn(async move { opener.connector().cancel(&pooled.client).await });
                Err(timed_out(limit))
            }
        }
    }
}
