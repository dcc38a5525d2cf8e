use std::sync::Arc;

use icp_domain::UserId;
use icp_permits::KeyedPermits;
use icp_postgres_connection::InvalidUrl;

use crate::batch::Batcher;
use crate::connect::Opener;
use crate::pool::{Pool, PoolStatus};
use crate::server_state::ListVersions;
use crate::settings::PostgresSettings;

/// The lists that are read for one user at once, except short lists, which are read in batches. Other reads of the user wait:
/// a user who reads long lists without a pause keeps one core of the database busy and no more.
const LIST_READS_PER_USER: usize = 1;

/// The ICPs in one PostgreSQL database.
#[derive(Clone)]
pub struct PostgresDatabase {
    pub(crate) pool: Pool,
    pub(crate) batcher: Batcher,
    pub(crate) versions: Arc<ListVersions>,
    /// Permits to read lists that are not short. Without them, one user could take all connections.
    pub(crate) list_reads: KeyedPermits<UserId>,
}

impl PostgresDatabase {
    /// Prepares the use of a database. Connections are opened when they are needed.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if the URL cannot be read or its certificates cannot be loaded.
    pub fn new(settings: &PostgresSettings) -> Result<Self, InvalidUrl> {
        Ok(Self::for_workers(settings, 0)?.1)
    }

    /// The same, once for each worker thread and once for everything else. Each worker opens and drives connections of its own:
    /// a statement then wakes no other thread. If there are more workers than connections, fewer are returned.
    ///
    /// # Errors
    ///
    /// As [`PostgresDatabase::new`].
    pub fn for_workers(settings: &PostgresSettings, workers: usize) -> Result<(Vec<Self>, Self), InvalidUrl> {
        let pool = Pool::new(&Opener::new(settings)?, settings.max_connections, workers);
        let (versions, list_reads) = (Arc::default(), KeyedPermits::new(LIST_READS_PER_USER));
        let of = |pool: Pool| {
            let batcher = Batcher::new(&pool, &versions);
            Self { pool, batcher, versions: Arc::clone(&versions), list_reads: list_reads.clone() }
        };
        Ok((pool.of_each_worker().map(of).collect(), of(pool)))
    }

    /// Returns the number of hosts in the URL.
    pub fn hosts(&self) -> usize {
        self.pool.opener().connector().hosts()
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
