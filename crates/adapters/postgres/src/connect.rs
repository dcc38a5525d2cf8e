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

/// Timeout for replacing a connection that has reached its lifetime. A request waits during the replacement.
const RENEWAL_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Opens connections to the database. All clones share their state.
#[derive(Clone)]
pub(crate) struct ConnectionOpener(Arc<Inner>);

struct Inner {
    connector: Connector,
    limits: Limits,
    /// Connections of an earlier generation are replaced before their next use.
    generation: AtomicU64,
    /// The number of connections that have been opened.
    opened: AtomicU64,
    /// Each attempt to connect holds a clone, so that the number of clones shows whether an attempt is in progress.
    attempts: Arc<()>,
    /// Ensures that [`ConnectionOpener::log_failure_once`] logs only once.
    failure_log: Once,
}

/// A connection of the pool.
pub(crate) struct PooledConnection {
    pub(crate) client: Connection,
    opened: Instant,
    generation: u64,
}

impl ConnectionOpener {
    pub(crate) fn new(settings: &PostgresSettings) -> Result<Self, InvalidUrl> {
        let limits = settings.limits;
        Ok(Self(Arc::new(Inner {
            connector: Connector::new(&settings.url, settings.password_file.clone(), limits.connect)?,
            limits,
            generation: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            attempts: Arc::default(),
            failure_log: Once::new(),
        })))
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.0.connector
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Opens a connection. [`Manager::create`] opens the connections of the pool. Imports, exports and migrations call
    /// this method directly, so their connections are outside of the pool. Fails with
    /// [`RepositoryError::Unavailable`] if the connector cannot open a connection.
    pub(crate) async fn open(&self) -> Result<Connection, RepositoryError> {
        let _attempt = Arc::clone(&self.0.attempts);
        let opened = self.connector().connect().await;
        let connection = opened.map_err(|error| RepositoryError::Unavailable(error.into()))?;
        self.0.opened.fetch_add(1, Ordering::Relaxed);
        Ok(connection)
    }

    /// Returns the number of connections that have been opened.
    pub(crate) fn opened_count(&self) -> u64 {
        self.0.opened.load(Ordering::Relaxed)
    }

    /// Returns true while an attempt to connect is in progress.
    pub(crate) fn is_connecting(&self) -> bool {
        Arc::strong_count(&self.0.attempts) > 1
    }

    /// Marks all connections of the pool as outdated. The pool calls this method when a server refuses a write because
    /// it is read-only. The pool replaces an outdated connection before its next use.
    pub(crate) fn replace_all(&self) {
        self.0.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Logs that the pool cannot open further connections, with `error` as the reason. Only the first call
    /// logs, because the pool tries again every few seconds.
    pub(crate) fn log_failure_once(&self, error: &RepositoryError) {
        self.0.failure_log.call_once(|| {
            let error = error.source().unwrap_or(error);
            tracing::warn!(error, "cannot open another connection; requests use the open connections");
        });
    }
}

impl Manager for ConnectionOpener {
    type Type = PooledConnection;
    type Error = RepositoryError;

    async fn create(&self) -> Result<PooledConnection, RepositoryError> {
        // The generation is read before the connection is opened. So a call of `replace_all` while the connection is
        // being opened also marks this connection as outdated.
        let generation = self.0.generation.load(Ordering::Relaxed);
        Ok(PooledConnection { client: self.open().await?, opened: Instant::now(), generation })
    }

    async fn recycle(
        &self,
        connection: &mut PooledConnection,
        _: &Metrics,
    ) -> RecycleResult<RepositoryError> {
        let is_current = connection.generation == self.0.generation.load(Ordering::Relaxed);
        if connection.client.is_closed() || !is_current {
            return Err(RecycleError::message("the connection is closed or outdated"));
        }
        if connection.opened.elapsed() > self.limits().connection_lifetime {
            match timeout(RENEWAL_TIMEOUT, self.create()).await {
                Ok(Ok(new)) => *connection = new,
                // The old connection stays in use for another lifetime if no new connection can be opened.
                Ok(Err(_)) | Err(_) => connection.opened = Instant::now(),
            }
        }
        Ok(())
    }
}
