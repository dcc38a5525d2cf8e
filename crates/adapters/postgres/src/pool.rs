//! The pool of connections. Each connection has one owner at a time.

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

use crate::connect::Opener;
use crate::error::{query_failed, suspects_connection, timed_out};

/// The wait of the pool before it tries again to open a connection.
const GROWTH_PAUSE: Duration = Duration::from_secs(5);
/// Maximum wait of a request for a connection that another request opens.
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// The connections of one worker, and the connections of the others, which it uses if its own are busy.
#[derive(Clone)]
pub(crate) struct Pool {
    shares: Arc<[Share]>,
    home: usize,
}

/// The number of connections to a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Open connections.
    pub open: usize,
    /// Connections that run a statement.
    pub in_use: usize,
    /// Maximum number of connections.
    pub max: usize,
}

/// The deadlines of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// Deadline for getting a connection.
    pub(crate) acquire: Instant,
    /// Deadline for the result.
    pub(crate) answer: Instant,
}

impl Deadline {
    /// Returns one deadline for the connection and the result.
    pub(crate) fn within(time: Duration) -> Self {
        let until = Instant::now() + time;
        Self { acquire: until, answer: until }
    }
}

impl Pool {
    /// Divides `max` connections among `workers`, and reserves one for other tasks. Without workers, all are for other tasks. Opens
    /// no connection.
    pub(crate) fn new(opener: &Opener, max: usize, workers: usize) -> Self {
        let max = max.max(1);
        let workers = workers.min(max - 1);
        let size = |index| (max - 1) / workers + usize::from(index < (max - 1) % workers);
        let sizes = (0..workers).map(size).chain([if workers == 0 { max } else { 1 }]);
        Self { shares: sizes.map(|size| Share::new(opener.clone(), size)).collect(), home: workers }
    }

    /// Returns the pool of each worker. If there are no shares for workers, returns a single pool.
    pub(crate) fn of_each_worker(&self) -> impl Iterator<Item = Self> + use<> {
        let shares = Arc::clone(&self.shares);
        (0..self.home.max(1)).map(move |home| Self { shares: Arc::clone(&shares), home })
    }

    #[expect(clippy::indexing_slicing, reason = "there is a share per home")]
    fn home(&self) -> &Share {
        &self.shares[self.home]
    }

    /// Returns the error of a request that got no connection in time.
    pub(crate) fn rejection(&self) -> RepositoryError {
        self.home().rejection()
    }

    pub(crate) fn opener(&self) -> &Opener {
        self.home().connections.manager()
    }

    /// Returns the deadline of a request that begins now.
    pub(crate) fn deadline(&self) -> Deadline {
        let (now, limits) = (Instant::now(), self.opener().limits());
        Deadline { acquire: now + limits.acquire, answer: now + limits.statement }
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

    /// Waits for a connection of this worker. If this worker has none and cannot open one, waits for one of another worker.
    pub(crate) async fn acquire(&self, deadline: Deadline) -> Result<Lease, RepositoryError> {
        let acquiring = async {
            loop {
                let home = self.home().acquire(deadline).await;
                let Err(RepositoryError::Unavailable(_)) = home else { return home };
                if let Some(other) = self.shares.iter().find(|share| share.status().size > 0) {
                    return other.acquire(deadline).await;
                }
                // Another worker may be opening the last connection that the server allows.
                if !self.opener().is_connecting() || Instant::now() >= deadline.acquire {
                    return home;
                }
                sleep(RETRY_PAUSE).await;
            }
        };
        let acquired = timeout_at(deadline.answer, acquiring).await;
        acquired.unwrap_or_else(|_| Err(timed_out(self.opener().limits().statement)))
    }

    /// Runs a statement once. Writes need this: after a lost connection, the write may have been committed.
    ///
    /// The statement runs in a separate task, so that the connection is released when the statement ends, not when the caller
    /// stops waiting.
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

    /// Runs a read-only statement, and repeats it once if its connection was lost. The future is boxed because its state has
    /// kilobytes, which callers would copy even if they do not run it.
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
                Err(RepositoryError::Unavailable(error)) if Instant::now() < deadline.answer => {
                    tracing::debug!(error, "reading again on another connection");
                    run().await
                }
                result => result,
            }
        })
    }
}

/// The connections that one worker opens.
#[derive(Clone)]
struct Share {
    connections: managed::Pool<Opener>,
    /// One permit per connection that is open or may be opened. deadpool fails a request if it cannot open a connection. Here the
    /// request waits for an open connection, and the permit of the failed one is withdrawn for some time.
    permits: Arc<Semaphore>,
    last_answer: Arc<Mutex<Instant>>,
}

impl Share {
    #[expect(clippy::expect_used, reason = "only timeouts need a runtime, and there are none")]
    fn new(opener: Opener, size: usize) -> Self {
        let connections = managed::Pool::builder(opener).max_size(size).build().expect("a pool");
        let last_answer = Arc::new(Mutex::new(Instant::now()));
        Self { connections, permits: Arc::new(Semaphore::new(size)), last_answer }
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
                Err(PoolError::Backend(error)) if self.status().size > 0 => self.pause_growth(permit, &error),
                Err(PoolError::Backend(error)) => return Err(error),
                Err(error) => return Err(RepositoryError::Backend(error.into())),
            }
        }
    }

    /// A database that has responded to another request recently is busy. Otherwise it is unreachable.
    fn rejection(&self) -> RepositoryError {
        let recently = self.connections.manager().limits().acquire / 2;
        let last_answer = *self.last_answer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.status().size == 0 || last_answer.elapsed() > recently {
            RepositoryError::Unavailable("the database does not respond".into())
        } else {
            RepositoryError::Overloaded
        }
    }

    /// Withdraws the permit of a connection that could not be opened for some time.
    fn pause_growth(&self, permit: OwnedSemaphorePermit, error: &RepositoryError) {
        self.connections.manager().log_once(error);
        permit.forget();
        let permits = Arc::clone(&self.permits);
        tokio::spawn(async move {
            sleep(GROWTH_PAUSE).await;
            permits.add_permits(1);
        });
    }
}

/// A connection that is in use.
pub(crate) struct Lease {
    pooled: Object<Opener>,
    share: Share,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Runs a statement to its end. At the deadline it is cancelled.
    pub(crate) async fn run<T>(
        mut self,
        deadline: Deadline,
        statement: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, QueryResult<T>>,
    ) -> Result<T, RepositoryError> {
        let opener = self.share.connections.manager();
        match timeout_at(deadline.answer, statement(&mut self.pooled.connection.diesel)).await {
            Ok(Ok(value)) => {
                *self.share.last_answer.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                Ok(value)
            }
            Ok(Err(error)) => {
                if matches!(error, DatabaseError(ReadOnlyTransaction, _)) {
                    // The server has become a standby, so every other connection to it is read-only, too.
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
                tokio::spawn(async move { opener.connector().cancel(&pooled.connection).await });
                Err(timed_out(limit))
            }
        }
    }
}
