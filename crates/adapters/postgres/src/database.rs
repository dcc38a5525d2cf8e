use std::sync::Arc;

use icp_domain::UserId;
use icp_permits::KeyedPermits;
use icp_postgres_connection::InvalidUrl;

use crate::batch::Batcher;
use crate::connect::ConnectionOpener;
use crate::pool::{Pool, PoolStatus};
use crate::server_state::ListVersions;
use crate::settings::PostgresSettings;

/// Maximum number of concurrent reads of lists per user and process. Further reads wait. So a user who reads long lists
/// all the time occupies at most one core of the database per process. Short lists that are read in a batch, and the
/// lists of deleted ICPs that admins read, do not count.
const MAX_LIST_READS_PER_USER: usize = 1;

/// The ICPs in one PostgreSQL database.
#[derive(Clone)]
pub struct PostgresDatabase {
    pub(crate) pool: Pool,
    pub(crate) batcher: Batcher,
    pub(crate) versions: Arc<ListVersions>,
    /// Permits for the reads that [`MAX_LIST_READS_PER_USER`] limits.
    pub(crate) list_permits: KeyedPermits<UserId>,
}

impl PostgresDatabase {
    /// Creates a database client. Connections are opened when they are needed.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if the URL is invalid or not supported, or if the trusted certificates cannot be loaded.
    pub fn new(settings: &PostgresSettings) -> Result<Self, InvalidUrl> {
        Ok(Self::for_workers(settings, 0)?.1)
    }

    /// Creates one client for each worker thread, and one client for all other tasks. Each worker opens its own
    /// connections and polls them on its own thread, so that a statement does not wake another thread. Returns fewer
    /// clients for workers if there are fewer than `workers` + 1 connections, but at least one.
    ///
    /// # Errors
    ///
    /// As [`PostgresDatabase::new`].
    pub fn for_workers(settings: &PostgresSettings, workers: usize) -> Result<(Vec<Self>, Self), InvalidUrl> {
        let opener = ConnectionOpener::new(settings)?;
        let pool = Pool::new(&opener, settings.max_connections, workers);
        let versions = Arc::new(ListVersions::new(opener));
        let list_permits = KeyedPermits::new(MAX_LIST_READS_PER_USER);
        let client = |pool: Pool| {
            let batcher = Batcher::new(&pool, &versions);
            Self { pool, batcher, versions: Arc::clone(&versions), list_permits: list_permits.clone() }
        };
        Ok((pool.worker_pools().map(client).collect(), client(pool)))
    }

    /// Returns the number of hosts in the URL.
    pub fn host_count(&self) -> usize {
        self.pool.opener().connector().host_count()
    }

    /// Returns the numbers of open, used and allowed connections of all workers and of the tasks outside of them.
    pub fn pool_status(&self) -> PoolStatus {
        self.pool.status()
    }
}

impl std::fmt::Debug for PostgresDatabase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PostgresDatabase").finish_non_exhaustive()
    }
}
