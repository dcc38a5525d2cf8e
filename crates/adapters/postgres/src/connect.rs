//! Opens, checks and renews the connections of the pool.

use std::error::Error as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use icp_ports::RepositoryError;
use icp_postgres_connection::{Connection, Connector, InvalidUrl};
use tokio::time::timeout;

use crate::settings::{Limits, PostgresSettings};

/// Timeout of replacing a connection that has reached its lifetime. A request waits for the replacement.
const RENEWAL_LIMIT: Duration = Duration::from_millis(1_500);

/// Opens the connections of the pool. All workers use clones, which have the same state.
#[derive(Clone)]
pub(crate) struct Opener(Arc<Inner>);

struct Inner {
    connector: Connector,
    limits: Limits,
    /// Connections of an earlier generation are replaced before their next use.
    generation: AtomicU64,
    /// Counts the attempts to connect that are in progress: each attempt holds a clone.
    attempts: Arc<()>,
    /// Ensures that [`Opener::log_once`] logs only once.
    log: Once,
}

/// A connection of the pool.
pub(crate) struct Pooled {
    pub(crate) connection: Connection,
    opened: Instant,
    generation: u64,
}

impl Opener {
    pub(crate) fn new(settings: &PostgresSettings) -> Result<Self, InvalidUrl> {
        let limits = settings.limits;
        Ok(Self(Arc::new(Inner {
            connector: Connector::new(&settings.url, settings.password_file.clone(), limits.connect)?,
            limits,
            generation: AtomicU64::new(0),
            attempts: Arc::default(),
            log: Once::new(),
        })))
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.0.connector
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Opens a connection, and does not add it to the pool.
    /// Fails with [`RepositoryError::Unavailable`] if no host accepts a connection within the time limit per address.
    pub(crate) async fn open(&self) -> Result<Connection, RepositoryError> {
        let _attempt = Arc::clone(&self.0.attempts);
        self.connector().connect().await.map_err(|error| RepositoryError::Unavailable(error.into()))
    }

    /// Returns true while an attempt to connect is in progress.
    pub(crate) fn is_connecting(&self) -> bool {
        Arc::strong_count(&self.0.attempts) > 1
    }

    /// Marks the connections that are open now. The pool replaces each of them before its next use.
    pub(crate) fn replace_all(&self) {
        self.0.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Logs that the pool cannot open further connections, with `error` as the reason. Only the first call
    /// logs, because the pool tries again every few seconds.
    pub(crate) fn log_once(&self, error: &RepositoryError) {
        self.0.log.call_once(|| {
            let error = error.source().unwrap_or(error);
            tracing::warn!(error, "no further connection can be opened; requests share the open ones");
        });
    }
}

impl Manager for Opener {
    type Type = Pooled;
    type Error = RepositoryError;

    async fn create(&self) -> Result<Pooled, RepositoryError> {
        // The generation is read before the connection is opened, so that `replace_all` also replaces a connection that
        // is being opened.
        let generation = self.0.generation.load(Ordering::Relaxed);
        Ok(Pooled { connection: self.open().await?, opened: Instant::now(), generation })
    }

    async fn recycle(&self, pooled: &mut Pooled, _: &Metrics) -> RecycleResult<RepositoryError> {
        let is_current = pooled.generation == self.0.generation.load(Ordering::Relaxed);
        if pooled.connection.is_closed() || !is_current {
            return Err(RecycleError::message("the connection is closed, or its server is read-only"));
        }
        if pooled.opened.elapsed() > self.limits().connection_lifetime {
            match timeout(RENEWAL_LIMIT, self.create()).await {
                Ok(Ok(new)) => *pooled = new,
                // The old connection stays in use for another lifetime if no new connection can be opened.
                Ok(Err(_)) | Err(_) => pooled.opened = Instant::now(),
            }
        }
        Ok(())
    }
}
