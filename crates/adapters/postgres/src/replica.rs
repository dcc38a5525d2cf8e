//! Reads from a standby, while it is known to keep up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable};
use diesel::{OptionalExtension as _, QueryableByName};
use icp_domain::{AccessScope, IcpId};
use icp_ports::{
    Conditional, Health, HealthCheck, IcpList, IcpReader, ListPart, ListQuery, ListVersion, Lookup,
    RepositoryError, StoredIcp, Version,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::database::PostgresDatabase;
use crate::error::timed_out;
use crate::pool::Deadline;

/// The time that a read gets on the standby. The rest of the limit is the primary's.
const STANDBY_LIMIT: Duration = Duration::from_secs(1);

/// How far the primary has written.
const WRITTEN: &str = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint AS position";
/// How far a standby has replayed; no row if it is a standby no more.
const REPLAYED: &str = "SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint AS position \
                        WHERE pg_is_in_recovery()";

/// Reads from a standby that is at most `max_lag` behind, and from the primary if it is further behind, does not answer, or
/// its lag is unknown.
#[derive(Clone, Debug)]
pub struct PostgresReplica {
    primary: PostgresDatabase,
    standby: PostgresDatabase,
    monitor: Arc<Monitor>,
}

#[derive(Debug)]
struct Monitor {
    lag: Arc<Lag>,
    task: JoinHandle<()>,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PostgresReplica {
    /// Starts to watch how far the standby is behind. Must be called within a runtime.
    pub fn start(primary: PostgresDatabase, standby: PostgresDatabase, max_lag: Duration) -> Self {
        let lag = Arc::new(Lag::new(max_lag));
        let task = tokio::spawn(watch(primary.clone(), standby.clone(), Arc::clone(&lag)));
        Self { primary, standby, monitor: Arc::new(Monitor { lag, task }) }
    }

    /// The same replica through the connections of another worker.
    #[must_use]
    pub fn for_worker(&self, primary: PostgresDatabase, standby: PostgresDatabase) -> Self {
        Self { primary, standby, monitor: Arc::clone(&self.monitor) }
    }

    /// Returns true if reads go to the standby at the moment.
    pub fn is_used(&self) -> bool {
        self.monitor.lag.is_small()
    }

    /// A read that fails or takes long on the standby is the primary's. Whether others try the standby is decided by the
    /// monitor alone: one slow query is no reason against it.
    async fn read<'a, T, F>(&'a self, read: impl Fn(&'a PostgresDatabase) -> F) -> Result<T, RepositoryError>
    where
        F: Future<Output = Result<T, RepositoryError>>,
    {
        let limit = self.primary.pool.limits().statement;
        let until = Instant::now() + limit;
        if self.is_used() {
            match timeout(STANDBY_LIMIT, read(&self.standby)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a read failed on the standby; the primary reads again")
                }
                Err(_) => tracing::debug!("a read takes long on the standby; the primary reads again"),
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
    /// A standby that is not used needs attention, and no more: the primary serves.
    async fn health(&self) -> Health {
        if self.is_used() { Health::Ok } else { Health::Stale }
    }
}

/// The time as of which the standby has everything.
#[derive(Debug)]
struct Lag {
    start: Instant,
    max: Duration,
    /// Milliseconds since the start; 0 if it is unknown.
    complete_as_of: AtomicU64,
}

impl Lag {
    fn new(max: Duration) -> Self {
        Self { start: Instant::now(), max, complete_as_of: AtomicU64::new(0) }
    }

    fn is_small(&self) -> bool {
        let as_of = self.complete_as_of.load(Ordering::Relaxed);
        as_of > 0 && self.start.elapsed() <= self.max + Duration::from_millis(as_of)
    }

    fn set(&self, as_of: Option<Instant>) {
        let millis = as_of.map_or(0, |time| time.saturating_duration_since(self.start).as_millis().max(1));
        self.complete_as_of.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// What the primary had written when, oldest first.
#[derive(Default)]
struct History(VecDeque<(Instant, i64)>);

impl History {
    fn push(&mut self, time: Instant, written: i64, max_age: Duration) {
        self.0.push_back((time, written));
        while self.0.front().is_some_and(|(noted, _)| time.duration_since(*noted) > max_age) {
            self.0.pop_front();
        }
    }

    /// Returns when the primary had written what the standby has replayed by now.
    fn reached_by(&self, replayed: i64) -> Option<Instant> {
        self.0.iter().rev().find(|(_, written)| *written <= replayed).map(|(time, _)| *time)
    }
}

/// Compares the standby with the primary, and not with what it has received: one that receives nothing seems to be up to
/// date to itself.
async fn watch(primary: PostgresDatabase, standby: PostgresDatabase, lag: Arc<Lag>) {
    let pause = (lag.max / 4).clamp(Duration::from_millis(100), Duration::from_secs(1));
    let mut history = History::default();
    loop {
        let asked = Instant::now();
        if let Ok(Some(written)) = position(&primary, WRITTEN).await {
            history.push(asked, written, lag.max * 2);
        }
        match position(&standby, REPLAYED).await {
            Ok(Some(replayed)) => {
                if let Some(time) = history.reached_by(replayed) {
                    lag.set(Some(time));
                }
            }
            // A standby that was promoted has a history of its own.
            Ok(None) => lag.set(None),
            Err(error) => {
                if lag.is_small() {
                    tracing::warn!(%error, "the standby does not answer; reads go to the primary");
                }
                lag.set(None);
            }
        }
        tokio::time::sleep(pause).await;
    }
}

#[derive(QueryableByName)]
struct Position {
    #[diesel(sql_type = Nullable<BigInt>)]
    position: Option<i64>,
}

async fn position(
    database: &PostgresDatabase,
    question: &'static str,
) -> Result<Option<i64>, RepositoryError> {
    use diesel_async::RunQueryDsl as _;

    let until = Instant::now() + STANDBY_LIMIT;
    let asking = database.pool.read(Deadline { acquire: until, answer: until }, move |connection| {
        Box::pin(async move { sql_query(question).get_result::<Position>(connection).await.optional() })
    });
    Ok(asking.await?.and_then(|found| found.position))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{History, Lag};

    #[test]
    fn standby_has_what_primary_had_written() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut history = History::default();
        for (seconds, written) in [(0, 100), (1, 200), (2, 200), (3, 300)] {
            history.push(start + second * seconds, written, second * 10);
        }
        assert_eq!(history.reached_by(99), None);
        assert_eq!(history.reached_by(100), Some(start));
        assert_eq!(history.reached_by(250), Some(start + second * 2), "the primary did not write in between");
        assert_eq!(history.reached_by(300), Some(start + second * 3));
        history.push(start + second * 12, 300, second * 10);
        assert_eq!(history.reached_by(150), None, "old entries are dropped");
    }

    #[test]
    fn unknown_lag_is_not_small() {
        let lag = Lag::new(Duration::from_secs(5));
        assert!(!lag.is_small());
        lag.set(Some(Instant::now()));
        assert!(lag.is_small());
        lag.set(None);
        assert!(!lag.is_small());
        let strict = Lag::new(Duration::ZERO);
        strict.set(Some(Instant::now()));
        std::thread::sleep(Duration::from_millis(5));
        assert!(!strict.is_small(), "time goes on");
    }
}
