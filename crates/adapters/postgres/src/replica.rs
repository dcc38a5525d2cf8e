//! Reads from a standby while its lag is known to be small.

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

/// Time limit of a read on the standby. The primary gets the rest of the time limit of a read.
const STANDBY_LIMIT: Duration = Duration::from_secs(1);

/// The WAL position up to which the primary has written.
const WRITTEN: &str = "pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
/// The WAL position up to which a standby has replayed. Returns no row if the server is no longer a standby.
const REPLAYED: &str = "pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint WHERE pg_is_in_recovery()";

/// Reads from a standby that is at most `max_lag` behind. Reads from the primary if the standby is further behind, does not
/// respond, or its lag is unknown.
#[derive(Clone, Debug)]
pub struct PostgresReplica {
    primary: PostgresDatabase,
    standby: PostgresDatabase,
    lag: Arc<Lag>,
}

impl PostgresReplica {
    /// Starts to monitor the lag of the standby. Must be called within a Tokio runtime.
    pub fn start(primary: PostgresDatabase, standby: PostgresDatabase, max_lag: Duration) -> Self {
        let lag = Arc::new(Lag { max: max_lag, complete_as_of: Mutex::default() });
        tokio::spawn(watch(primary.clone(), standby.clone(), Arc::downgrade(&lag)));
        Self { primary, standby, lag }
    }

    /// Returns the same replica with the connections of another worker.
    #[must_use]
    pub fn for_worker(&self, primary: PostgresDatabase, standby: PostgresDatabase) -> Self {
        Self { primary, standby, lag: Arc::clone(&self.lag) }
    }

    /// Returns true if reads go to the standby at the moment.
    pub fn is_used(&self) -> bool {
        self.lag.is_small()
    }

    /// A read that fails or takes too long on the standby is repeated on the primary. Only the monitor stops the use of the
    /// standby: one slow query does not.
    async fn read<'a, T, F>(&'a self, read: impl Fn(&'a PostgresDatabase) -> F) -> Result<T, RepositoryError>
    where
        F: Future<Output = Result<T, RepositoryError>>,
    {
        let limit = self.primary.pool.opener().limits().statement;
        let until = Instant::now() + limit;
        if self.is_used() {
            match timeout(STANDBY_LIMIT, read(&self.standby)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => tracing::debug!(%error, "the primary repeats a read of the standby"),
                Err(error) => tracing::debug!(%error, "the primary repeats a read of the standby"),
            }
        }
        timeout_at(until, read(&self.primary)).await.unwrap_or_else(|_| Err(timed_out(limit)))
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
    /// Returns at worst `Stale`: the primary serves reads while the standby is not used.
    async fn health(&self) -> Health {
        if self.is_used() { Health::Ok } else { Health::Stale }
    }
}

/// The lag of the standby.
#[derive(Debug)]
struct Lag {
    max: Duration,
    /// The time up to which the standby has all changes, if it is known.
    complete_as_of: Mutex<Option<Instant>>,
}

impl Lag {
    fn is_small(&self) -> bool {
        let as_of = *self.complete_as_of.lock().unwrap_or_else(PoisonError::into_inner);
        as_of.is_some_and(|as_of| as_of.elapsed() <= self.max)
    }

    fn set(&self, as_of: Option<Instant>) {
        *self.complete_as_of.lock().unwrap_or_else(PoisonError::into_inner) = as_of;
    }
}

/// Compares the standby with the primary. Its own reports are not enough: a disconnected standby considers itself up to date.
async fn watch(primary: PostgresDatabase, standby: PostgresDatabase, lag: Weak<Lag>) {
    // A WAL position of the primary and its time, until the standby has reached the position.
    let mut written = None;
    while let Some(lag) = lag.upgrade() {
        if written.is_none() {
            let asked = Instant::now();
            written = position(&primary, WRITTEN).await.ok().flatten().map(|position| (asked, position));
        }
        match position(&standby, REPLAYED).await {
            Ok(Some(replayed)) => {
                if let Some((asked, _)) = written.take_if(|(_, position)| *position <= replayed) {
                    lag.set(Some(asked));
                }
            }
            // A promoted standby has a separate history.
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

async fn position(
    database: &PostgresDatabase,
    question: &'static str,
) -> Result<Option<i64>, RepositoryError> {
    let read = database.pool.read(Deadline::within(STANDBY_LIMIT), question, |connection, question| {
        let position = select(sql::<Nullable<BigInt>>(question));
        Box::pin(async { position.get_result(connection).await.optional() })
    });
    Ok(read.await?.flatten())
}
