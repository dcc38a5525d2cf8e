//! Reads from a standby while the lag of the standby is small.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable};
use diesel::{OptionalExtension as _, select};
use diesel_async::RunQueryDsl as _;
use icp_domain::{AccessScope, IcpId};
use icp_ports::{
    Conditional, Health, HealthCheck, IcpList, IcpReader, ListPart, ListQuery, ListVersion, Lookup,
    RepositoryError, StoredIcp, Version,
};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::database::PostgresDatabase;
use crate::error::timed_out;
use crate::pool::Deadline;

/// Timeout of a read on the standby, and of a query for a WAL position. If the standby does not respond to a read in
/// this time, the primary must respond in the rest of the timeout for a read.
const STANDBY_TIMEOUT: Duration = Duration::from_secs(1);

/// SQL of the WAL position up to which the primary has written.
const WRITTEN_POSITION: &str = "pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
/// SQL of the WAL position up to which a standby has replayed. Returns no row if the server is no longer a standby.
const REPLAYED_POSITION: &str =
    "pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint WHERE pg_is_in_recovery()";

/// Reads from a standby whose lag is at most `max_lag`. Reads from the primary if the lag is larger or unknown, or if a
/// read on the standby fails or takes too long.
#[derive(Clone, Debug)]
pub struct PostgresReplica {
    primary: PostgresDatabase,
    standby: PostgresDatabase,
    lag: Arc<Lag>,
}

impl PostgresReplica {
    /// Starts to monitor the lag of the standby. Must be called within a Tokio runtime.
    pub fn start(primary: PostgresDatabase, standby: PostgresDatabase, max_lag: Duration) -> Self {
        let lag = Arc::new(Lag { max: max_lag, up_to_date_at: Mutex::default() });
        tokio::spawn(monitor_lag(primary.clone(), standby.clone(), Arc::downgrade(&lag)));
        Self { primary, standby, lag }
    }

    /// Returns the same replica with the connections of another worker.
    #[must_use]
    pub fn for_worker(&self, primary: PostgresDatabase, standby: PostgresDatabase) -> Self {
        Self { primary, standby, lag: Arc::clone(&self.lag) }
    }

    /// Returns true if reads currently go to the standby.
    pub fn is_used(&self) -> bool {
        self.lag.is_small()
    }

    /// Reads from the standby if it is used, otherwise from the primary. If the read on the standby fails or takes too
    /// long, repeats it on the primary. A failed or slow read does not end the use of the standby. Only a large or
    /// unknown lag does, see [`monitor_lag`].
    async fn read<'a, T, F>(&'a self, read: impl Fn(&'a PostgresDatabase) -> F) -> Result<T, RepositoryError>
    where
        F: Future<Output = Result<T, RepositoryError>>,
    {
        let limit = self.primary.pool.opener().limits().statement;
        let deadline = Instant::now() + limit;
        if self.is_used() {
            match timeout(STANDBY_TIMEOUT, read(&self.standby)).await {
                Ok(Ok(result)) => return Ok(result),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a read on the standby failed; it is repeated on the primary");
                }
                Err(error) => {
                    tracing::debug!(%error, "a read on the standby failed; it is repeated on the primary");
                }
            }
        }
        timeout_at(deadline, read(&self.primary)).await.unwrap_or_else(|_| Err(timed_out(limit)))
    }
}

#[async_trait]
impl IcpReader for PostgresReplica {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        self.read(|database| database.list(query)).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.read(|database| database.get(id, scope)).await
    }

    async fn list_if_changed(
        &self,
        query: &ListQuery,
        known: &[ListVersion],
    ) -> Result<Conditional<IcpList, ListVersion>, RepositoryError> {
        self.read(|database| database.list_if_changed(query, known)).await
    }

    async fn list_part(&self, query: &ListQuery) -> Result<ListPart, RepositoryError> {
        self.read(|database| database.list_part(query)).await
    }

    async fn get_if_changed(
        &self,
        id: IcpId,
        scope: &AccessScope,
        known: &[Version],
    ) -> Result<Lookup<Conditional<StoredIcp, Version>>, RepositoryError> {
        self.read(|database| database.get_if_changed(id, scope, known)).await
    }
}

#[async_trait]
impl HealthCheck for PostgresReplica {
    /// Returns `Stale` while the standby is not used. Never returns `Unavailable`, because the primary serves the reads
    /// while the standby is not used.
    async fn health(&self) -> Health {
        if self.is_used() { Health::Ok } else { Health::Stale }
    }
}

/// The maximum lag and the current lag of the standby.
#[derive(Debug)]
struct Lag {
    max: Duration,
    /// The standby contains all changes that were made before this time. `None` if the time is unknown.
    up_to_date_at: Mutex<Option<Instant>>,
}

impl Lag {
    fn is_small(&self) -> bool {
        let time = *self.up_to_date_at.lock().unwrap_or_else(PoisonError::into_inner);
        time.is_some_and(|time| time.elapsed() <= self.max)
    }

    fn set(&self, time: Option<Instant>) {
        *self.up_to_date_at.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }
}

/// Compares the WAL positions of the primary and of the standby until the replica is dropped. The standby's own
/// reports do not suffice, because a standby that has lost its primary reports that it is up to date.
async fn monitor_lag(primary: PostgresDatabase, standby: PostgresDatabase, lag: Weak<Lag>) {
    // A WAL position of the primary, and the time before the query. `None` after the standby has reached the position.
    let mut written = None;
    while let Some(lag) = lag.upgrade() {
        if written.is_none() {
            let query_time = Instant::now();
            written = query_position(&primary, WRITTEN_POSITION)
                .await
                .ok()
                .flatten()
                .map(|position| (query_time, position));
        }
        match query_position(&standby, REPLAYED_POSITION).await {
            Ok(Some(replayed)) => {
                if let Some((query_time, _)) = written.take_if(|(_, position)| *position <= replayed) {
                    lag.set(Some(query_time));
                }
            }
            // The standby was promoted. Its WAL positions cannot be compared with the positions of the primary.
            Ok(None) => lag.set(None),
            Err(error) => {
                if lag.is_small() {
                    tracing::warn!(%error, "the standby does not respond; reads go to the primary");
                }
                lag.set(None);
            }
        }
        sleep((lag.max / 4).clamp(Duration::from_millis(100), Duration::from_secs(1))).await;
    }
}

async fn query_position(
    database: &PostgresDatabase,
    expression: &'static str,
) -> Result<Option<i64>, RepositoryError> {
    let read = database.pool.read(Deadline::within(STANDBY_TIMEOUT), expression, |connection, expression| {
        let position = select(sql::<Nullable<BigInt>>(expression));
        Box::pin(async { position.get_result(connection).await.optional() })
    });
    Ok(read.await?.flatten())
}
