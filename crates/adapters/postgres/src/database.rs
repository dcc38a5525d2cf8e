use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use icp_postgres_connection::InvalidUrl;
use icp_storage::VersionCache;

use crate::batch::Batcher;
use crate::connect::Opener;
use crate::pool::{Pool, PoolStatus};
use crate::server_state::ServerState;

/// Which database, and how it is used.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database`, with the parameters of libpq, and several hosts if need be.
    pub url: String,
    /// A file with the password, which overrides the URL's. It is read for each new connection.
    pub password_file: Option<PathBuf>,
    /// The largest number of connections, at least one. Imports, exports and migrations use one more while they run.
    pub max_connections: usize,
    /// Time limits.
    pub limits: Limits,
}

impl PostgresSettings {
    /// A database with the default settings.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), password_file: None, max_connections: 8, limits: Limits::default() }
    }
}

/// Time limits. The default keeps the promises of the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For connecting to one address, until the server accepts the session.
    pub connect: Duration,
    /// For a read with its repetition, and for a write.
    pub statement: Duration,
    /// For getting a connection. A request that gets none in time is rejected.
    pub acquire: Duration,
    /// The age at which a connection is replaced. A new one finds what has changed: addresses, passwords, certificates.
    pub connection_lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            statement: Duration::from_secs(4),
            acquire: Duration::from_millis(500),
            connection_lifetime: Duration::from_mins(30),
        }
    }
}

/// The ICPs in one PostgreSQL database.
#[derive(Clone)]
pub struct PostgresDatabase {
    pub(crate) pool: Pool,
    pub(crate) batcher: Batcher,
    pub(crate) versions: Arc<Mutex<VersionCache<ServerState>>>,
}

impl PostgresDatabase {
    /// Prepares the use of a database. Connections are opened when they are needed.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if the URL cannot be read or its certificates cannot be loaded.
    pub fn new(settings: &PostgresSettings) -> Result<Self, InvalidUrl> {
        let pool = Pool::new(&Opener::new(settings)?, settings.max_connections, 0);
        Ok(Self::of(pool, Arc::default()))
    }

    /// The same, once for each worker thread and once for everything else. Each worker opens and drives connections of its own:
    /// a statement then wakes no other thread. If there are more workers than connections, fewer are returned.
    ///
    /// # Errors
    ///
    /// As [`PostgresDatabase::new`].
    pub fn for_workers(settings: &PostgresSettings, workers: usize) -> Result<(Vec<Self>, Self), InvalidUrl> {
        let pool = Pool::new(&Opener::new(settings)?, settings.max_connections, workers);
        let versions = Arc::<Mutex<_>>::default();
        let of = |pool| Self::of(pool, Arc::clone(&versions));
        Ok((pool.of_each_worker().map(of).collect(), of(pool)))
    }

    fn of(pool: Pool, versions: Arc<Mutex<VersionCache<ServerState>>>) -> Self {
        Self { batcher: Batcher::new(&pool, &versions), pool, versions }
    }

    /// Returns the number of hosts in the URL.
    pub fn hosts(&self) -> usize {
        self.pool.opener().hosts()
    }

    /// Returns the connections of all workers.
    pub fn pool_status(&self) -> PoolStatus {
        self.pool.status()
    }
}

impl std::fmt::Debug for PostgresDatabase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PostgresDatabase").finish_non_exhaustive()
    }
}

/// The URL, which can hold a password, stays out of every log.
impl std::fmt::Debug for PostgresSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PostgresSettings").field("limits", &self.limits).finish_non_exhaustive()
    }
}
