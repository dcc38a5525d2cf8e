//! The state of a server, which changes with every write. If the state is unchanged, cached list versions are valid.

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

use crate::prepared::prepared_query;
use crate::row::{column, text};

/// The snapshot of a statement, and the server that ran the statement.
///
/// A snapshot lists the transactions that had ended when a statement began. Two statements with the same snapshot on
/// one server therefore see the same data. The start time identifies the server. It is compared because a pooler can
/// connect to another server, whose snapshots cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerState {
    snapshot: String,
    started: i64,
}

/// The cached versions of lists, shared by all workers.
#[derive(Default)]
pub(crate) struct ListVersions {
    cache: Mutex<VersionCache<ServerState>>,
    /// True if the database consists of a single server. The snapshots of a single server list every transaction.
    is_single_server: OnceCell<bool>,
}

/// SQL that is true for a single PostgreSQL server. It is false for distributed databases that derive from
/// PostgreSQL. For example, the version text of one of them contains `YugabyteDB`.
const SINGLE_SERVER_CONDITION: &str = "version() ~ '^PostgreSQL [0-9.]+(beta|rc|devel)?[0-9]* ' \
    AND version() !~ 'Greenplum' AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')";

impl ListVersions {
    pub(crate) fn lock(&self) -> MutexGuard<'_, VersionCache<ServerState>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the state of the server. Returns `None` for a standby or a distributed database, because their snapshots
    /// do not list every transaction.
    pub(crate) async fn server_state(
        &self,
        mut connection: &AsyncPgConnection,
    ) -> QueryResult<Option<ServerState>> {
        let query =
            || async move { select(sql::<Bool>(SINGLE_SERVER_CONDITION)).get_result(&mut connection).await };
        if !*self.is_single_server.get_or_try_init(query).await? {
            return Ok(None);
        }
        let mut rows = AsyncConnectionCore::load(&mut connection, StateQuery::default()).await?;
        let Some(row) = rows.try_next().await? else { return Ok(None) };
        let snapshot = text(&row, 0, |text| text.unwrap_or_default().to_owned())?;
        let PgTimestamp(started) = column::<Timestamptz, _>(&row, 1)?;
        Ok(Some(ServerState { snapshot, started }))
    }
}

#[derive(Debug, Default)]
struct StateQuery<'a>(PhantomData<&'a ()>);

prepared_query! {
    StateQuery(_) -> (Text, Timestamptz),
    "SELECT pg_current_snapshot()::text, pg_postmaster_start_time() WHERE NOT pg_is_in_recovery()";
}
