//! The state of a server, which changes with every write, and the cache of list versions, which are valid while the
//! state is unchanged.

use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel::dsl::sql;
use diesel::pg::data_types::PgTimestamp;
use diesel::sql_types::{Bool, Text, Timestamptz};
use diesel::{QueryResult, select};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, RunQueryDsl as _};
use futures_util::TryStreamExt as _;
use icp_storage::VersionCache;
use tokio::sync::OnceCell;

use crate::connect::ConnectionOpener;
use crate::prepared::prepared_query;
use crate::row::{column, text};

/// The snapshot of a statement, and the server that ran the statement.
///
/// A snapshot determines which transactions had ended when a statement began. Two statements with the same snapshot on
/// one server therefore see the same data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerState {
    snapshot: String,
    /// The time at which the server started, in microseconds. It distinguishes servers, because the next connection can
    /// reach another server, for example through a pooler or after a failover.
    server_started: i64,
    /// The number of connections that [`ListVersions::opener`] had opened before the statement. If a process of
    /// the server crashes, the start time stays the same, and the server can assign the ID of a transaction again that
    /// was not on disk. So an old snapshot can return although the data differ. The crash also closes all connections,
    /// so this number increases.
    opened_connections: u64,
}

/// The cached versions of lists, shared by all workers.
pub(crate) struct ListVersions {
    opener: ConnectionOpener,
    cache: Mutex<VersionCache<ServerState>>,
    /// True if the database consists of a single server, so that every write changes its snapshot.
    is_single_server: OnceCell<bool>,
}

/// SQL that is true for a single PostgreSQL server. It is false for distributed databases that derive from
/// PostgreSQL. For example, `YugabyteDB` reports `PostgreSQL 15.12-YB-2025.1.0.0-b0 on ...`.
const SINGLE_SERVER_CONDITION: &str = "version() ~ '^PostgreSQL [0-9.]+(beta|rc|devel)?[0-9]* ' \
    AND version() !~ 'Greenplum' AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')";

impl ListVersions {
    pub(crate) fn new(opener: ConnectionOpener) -> Self {
        Self { opener, cache: Mutex::default(), is_single_server: OnceCell::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, VersionCache<ServerState>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the state of the server. Returns `None` for a standby or a distributed database, where a write need not
    /// change the snapshot.
    pub(crate) async fn server_state(
        &self,
        mut connection: &AsyncPgConnection,
    ) -> QueryResult<Option<ServerState>> {
        let query =
            || async move { select(sql::<Bool>(SINGLE_SERVER_CONDITION)).get_result(&mut connection).await };
        if !*self.is_single_server.get_or_try_init(query).await? {
            return Ok(None);
        }
        let opened_connections = self.opener.opened_count();
        let mut rows = AsyncConnectionCore::load(&mut connection, StateQuery::default()).await?;
        let Some(row) = rows.try_next().await? else { return Ok(None) };
        let snapshot = text(&row, 0, |text| text.unwrap_or_default().to_owned())?;
        let PgTimestamp(server_started) = column::<Timestamptz, _>(&row, 1)?;
        Ok(Some(ServerState { snapshot, server_started, opened_connections }))
    }
}

/// `prepared_query!` requires a lifetime.
#[derive(Debug, Default)]
struct StateQuery<'a>(PhantomData<&'a ()>);

prepared_query! {
    StateQuery(_) -> (Text, Timestamptz),
    "SELECT pg_current_snapshot()::text, pg_postmaster_start_time() WHERE NOT pg_is_in_recovery()";
}
