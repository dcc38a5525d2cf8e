//! The connections: each has one owner at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::{self, Object, PoolError};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use futures_util::future::BoxFuture;
use icp_ports::RepositoryError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use crate::connect::Connector;
use crate::database::Limits;
use crate::error::{is_read_only, query_failed, suspects_connection, timed_out};

/// How long the pool waits before it tries to open a connection that could not be opened.
const GROWTH_PAUSE: Duration = Duration::from_secs(5);

/// How long a request waits for the connection that another one opens.
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// The connections of one worker, and those of the others in case that it gets none.
#[derive(Clone)]
pub(crate) struct Pool {
    shares: Arc<[Share]>,
    home: usize,
}

/// The number of connections of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Open connections.
    pub open: usize,
    /// Connections that run a statement.
    pub in_use: usize,
    /// The largest number of connections.
    pub max: usize,
}

/// The moments until which a request waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// For a connection.
    pub(crate) acquire: Instant,
    /// For the answer.
    pub(crate) answer: Instant,
}

impl Pool {
    /// One share of all connections. Opens nothing yet.
    pub(crate) fn single(connector: Connector, max_connections: usize) -> Self {
        Self { home: 0, shares: [Share::new(connector, max_connections.max(1))].into() }
    }

    /// Divides `max_connections` among `workers`, and leaves one for everything else, if there are enough. Opens nothing yet.
    pub(crate) fn new(connector: Connector, max_connections: usize, workers: usize) -> Self {
        let max = max_connections.saturating_sub(1).max(1);
        let count = workers.clamp(1, max);
        let sizes = (0..count).map(|index| max / count + usize::from(index < max % count));
        // The last share is the one for everything else.
        let shares: Vec<_> = sizes.chain([1]).map(|size| Share::new(connector.clone(), size)).collect();
        Self { home: shares.len() - 1, shares: shares.into() }
    }

    /// Returns the same pool as each of the workers sees it.
    pub(crate) fn of_each_worker(&self) -> impl Iterator<Item = Self> + use<> {
        let shares = Arc::clone(&self.shares);
        (0..shares.len() - 1).map(move |home| Self { shares: Arc::clone(&shares), home })
    }

    #[expect(clippy::indexing_slicing, reason = "the pool is made with a share for each home")]
    fn home(&self) -> &Share {
        &self.shares[self.home]
    }

    pub(crate) fn connector(&self) -> &Connector {
        self.home().connections.manager()
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.connector().limits()
    }

    /// Returns the deadline of a request that begins now.
    pub(crate) fn deadline(&self) -> Deadline {
        let now = Instant::now();
        Deadline { acquire: now + self.limits().acquire, answer: now + self.limits().statement }
    }

    pub(crate) fn status(&self) -> PoolStatus {
        self.shares.iter().map(Share::status).fold(PoolStatus::default(), |sum, share| PoolStatus {
            open: sum.open + share.open,
            in_use: sum.in_use + share.in_use,
            max: sum.max + share.max,
        })
    }

    /// Waits for a connection: one of this worker or, if it has none and gets none, one of another worker.
    pub(crate) async fn acquire(&self, deadline: Deadline) -> Result<Lease, RepositoryError> {
        let acquiring = async {
            loop {
                let home = self.home().acquire(deadline).await;
                let Err(RepositoryError::Unavailable(_)) = home else { return home };
                if let Some(other) = self.shares.iter().find(|share| share.connections.status().size > 0) {
                    return other.acquire(deadline).await;
                }
                // Another worker can be about to get the last connection that the server allows.
                if !self.connector().is_connecting() || Instant::now() >= deadline.acquire {
                    return home;
                }
                sleep(RETRY_PAUSE).await;
            }
        };
        let acquired = timeout_at(deadline.answer, acquiring).await;
        acquired.unwrap_or_else(|_| Err(timed_out(self.limits().statement)))
    }

    /// Runs a statement once, for writes: after a lost connection it is not known whether a write was done.
    ///
    /// The statement runs in a task of its own, so that the connection is free again when the statement has ended, and not
    /// when the caller stops waiting.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Deadline,
        statement: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, QueryResult<T>>
        + Send
        + 'static,
    ) -> Result<T, Failed> {
        let lease = self.acquire(deadline).await.map_err(Failed::Acquire)?;
        let running = tokio::spawn(lease.run(deadline, statement));
        running.await.unwrap_or_else(|error| Err(Failed::Acquire(RepositoryError::Unavailable(error.into()))))
    }

    /// Runs a statement that changes nothing, and once more if its connection was lost.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        deadline: Deadline,
        statement: impl for<'c> Fn(&'c mut AsyncPgConnection) -> BoxFuture<'c, QueryResult<T>>
        + Clone
        + Send
        + 'static,
    ) -> Result<T, RepositoryError> {
        match self.run(deadline, statement.clone()).await {
            Err(Failed::Statement(error)) if suspects_connection(&error) => {
                tracing::debug!(%error, "reading again on another connection");
                Ok(self.run(deadline, statement).await?)
            }
            result => Ok(result?),
        }
    }
}

/// Why a statement was not answered.
#[derive(Debug)]
pub(crate) enum Failed {
    /// No connection was available, or the time was over.
    Acquire(RepositoryError),
    /// The statement failed.
    Statement(diesel::result::Error),
}

impl From<Failed> for RepositoryError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Acquire(error) => error,
            Failed::Statement(error) => query_failed(error),
        }
    }
}

/// The connections that one worker opens.
#[derive(Clone)]
struct Share {
    connections: managed::Pool<Connector>,
    /// One for each connection that is open or may be opened. deadpool fails a request when it cannot open a connection;
    /// here the request waits for one that is open, and the permit of the missing one is taken out for a while.
    permits: Arc<Semaphore>,
    answers: Arc<Answers>,
}

/// When the database answered last.
struct Answers {
    epoch: Instant,
    last_millis: AtomicU64,
    /// Whether it was logged that a connection cannot be opened.
    growth_failed: AtomicBool,
}

impl Answers {
    fn note(&self) {
        let millis = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_millis.store(millis, Ordering::Relaxed);
    }

    fn silence(&self) -> Duration {
        self.epoch.elapsed().saturating_sub(Duration::from_millis(self.last_millis.load(Ordering::Relaxed)))
    }
}

impl Share {
    #[expect(
        clippy::expect_used,
        reason = "building fails only for timeouts without a runtime, and there are none"
    )]
    fn new(connector: Connector, size: usize) -> Self {
        let connections =
            managed::Pool::builder(connector).max_size(size).build().expect("a pool without timeouts");
        let answers = Answers {
            epoch: Instant::now(),
            last_millis: AtomicU64::new(0),
            growth_failed: AtomicBool::new(false),
        };
        Self { connections, permits: Arc::new(Semaphore::new(size)), answers: Arc::new(answers) }
    }

    fn status(&self) -> PoolStatus {
        let managed::Status { max_size, size, available, .. } = self.connections.status();
        PoolStatus { open: size, in_use: size - available.min(size), max: max_size }
    }

    async fn acquire(&self, deadline: Deadline) -> Result<Lease, RepositoryError> {
        loop {
            let waiting_since = Instant::now();
            let permit = timeout_at(deadline.acquire, Arc::clone(&self.permits).acquire_owned()).await;
            let Ok(Ok(permit)) = permit else { return Err(self.rejection(waiting_since)) };
            match self.connections.get().await {
                Ok(connection) => return Ok(Lease { connection, share: self.clone(), _permit: permit }),
                Err(PoolError::Backend(error)) if self.connections.status().size > 0 => {
                    self.pause_growth(permit, &error);
                }
                Err(PoolError::Backend(error)) => return Err(error),
                Err(error) => return Err(RepositoryError::Backend(error.into())),
            }
        }
    }

    /// A busy database has answered others while this request waited. One that has not is unreachable.
    fn rejection(&self, waiting_since: Instant) -> RepositoryError {
        if self.connections.status().size == 0 || self.answers.silence() >= waiting_since.elapsed() {
            RepositoryError::Unavailable("the database does not answer".into())
        } else {
            RepositoryError::Overloaded
        }
    }

    /// Takes the permit of a connection that could not be opened out for a while.
    fn pause_growth(&self, permit: OwnedSemaphorePermit, error: &RepositoryError) {
        if !self.answers.growth_failed.swap(true, Ordering::Relaxed) {
            let error = std::error::Error::source(error).unwrap_or(error);
            let open = self.connections.status().size;
            tracing::warn!(error, open, "no further connection can be opened; requests share the open ones");
        }
        let permits = Arc::clone(permit.semaphore());
        permit.forget();
        tokio::spawn(async move {
            sleep(GROWTH_PAUSE).await;
            permits.add_permits(1);
        });
    }
}

/// A connection that is in use.
pub(crate) struct Lease {
    connection: Object<Connector>,
    share: Share,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Runs a statement to its end. At the deadline it is cancelled.
    pub(crate) async fn run<T>(
        mut self,
        deadline: Deadline,
        statement: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, QueryResult<T>>,
    ) -> Result<T, Failed> {
        match timeout_at(deadline.answer, statement(&mut self.connection)).await {
            Ok(Ok(value)) => {
                self.share.answers.note();
                Ok(value)
            }
            Ok(Err(error)) => {
                if is_read_only(&error) {
                    // It has become a standby. Every other connection leads to it, too.
                    self.share.connections.manager().replace_all();
                }
                if suspects_connection(&error) {
                    drop(Object::take(self.connection));
                }
                Err(Failed::Statement(error))
            }
            Err(_) => {
                let connector = self.share.connections.manager().clone();
                let connection = Object::take(self.connection);
                tokio::spawn(async move { connector.cancel(&connection).await });
                Err(Failed::Acquire(timed_out(self.share.connections.manager().limits().statement)))
            }
        }
    }
}
