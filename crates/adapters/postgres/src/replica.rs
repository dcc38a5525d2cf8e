//! Reading from a standby, as long as it is known to keep up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use icp_domain::{AccessScope, IcpId};
use icp_ports::{
    Health, HealthCheck, IcpList, IcpReader, ListQuery, ListVersion, Lookup, Measured, Measurement,
    RepositoryError, StoredIcp, Version,
};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::database::PostgresDatabase;

/// A read on the standby gets so much of the time, so that the primary can still answer when the standby does not.
const STANDBY_LIMIT: Duration = Duration::from_secs(1);

/// How far the primary has written.
const WRITTEN: &str = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
/// How far a standby has come; nothing when it is none any more.
const REPLAYED: &str =
    "SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint WHERE pg_is_in_recovery()";

/// Reads of a standby that is at most so far behind, and of the primary when it is further, or fails, or nobody knows.
#[derive(Debug)]
pub struct PostgresReplica {
    primary: PostgresDatabase,
    standby: PostgresDatabase,
    lag: Arc<Lag>,
    monitor: JoinHandle<()>,
}

impl PostgresReplica {
    /// Begins to watch how far the standby is behind. Must be called within a runtime.
    pub fn start(primary: PostgresDatabase, standby: PostgresDatabase, max_lag: Duration) -> Self {
        let lag = Arc::new(Lag::new(max_lag));
        let monitor = tokio::spawn(watch(primary.clone(), standby.clone(), Arc::clone(&lag)));
        Self { primary, standby, lag, monitor }
    }

    /// Whether reads go to the standby at the moment.
    pub fn is_used(&self) -> bool {
        self.lag.is_known_to_be_small()
    }

    async fn read<'a, T, F>(&'a self, read: impl Fn(&'a PostgresDatabase) -> F) -> Result<T, RepositoryError>
    where
        F: Future<Output = Result<T, RepositoryError>>,
    {
        if self.is_used() {
            match timeout(STANDBY_LIMIT, read(&self.standby)).await {
                Ok(Ok(answer)) => return Ok(answer),
                // It may be well, and the primary says itself what is too much for it.
                Ok(Err(RepositoryError::Overloaded)) => {}
                Ok(Err(error)) => self.distrust(&error),
                Err(elapsed) => self.distrust(&elapsed),
            }
        }
        read(&self.primary).await
    }

    /// Others do not try it again until it is known to be well.
    fn distrust(&self, error: &dyn std::error::Error) {
        if self.is_used() {
            tracing::warn!(%error, "the standby failed; reads go to the primary");
        }
        self.lag.forget();
    }
}

impl Drop for PostgresReplica {
    fn drop(&mut self) {
        self.monitor.abort();
    }
}

#[async_trait]
impl IcpReader for PostgresReplica {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        self.read(|database| database.list(query)).await
    }

    async fn list_version(&self, query: &ListQuery) -> Result<ListVersion, RepositoryError> {
        self.read(|database| database.list_version(query)).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.read(|database| database.get(id, scope)).await
    }

    async fn version(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<Version>, RepositoryError> {
        self.read(|database| database.version(id, scope)).await
    }
}

#[async_trait]
impl HealthCheck for PostgresReplica {
    /// That it is not used at the moment needs attention, and no more: the primary serves.
    async fn health(&self) -> Health {
        if self.is_used() { Health::Ok } else { Health::Stale }
    }

    fn measurements(&self) -> Vec<Measurement> {
        vec![Measurement {
            name: "read_copy_used",
            help: "Whether reads go to the standby",
            labels: &[],
            value: Measured::Gauge(if self.is_used() { 1.0 } else { 0.0 }),
        }]
    }
}

/// As of when the standby has everything.
#[derive(Debug)]
struct Lag {
    start: Instant,
    max: Duration,
    /// Milliseconds since the start; 0 when it is not known.
    complete_as_of: AtomicU64,
}

impl Lag {
    fn new(max: Duration) -> Self {
        Self { start: Instant::now(), max, complete_as_of: AtomicU64::new(0) }
    }

    fn is_known_to_be_small(&self) -> bool {
        let as_of = self.complete_as_of.load(Ordering::Relaxed);
        as_of > 0 && self.start.elapsed() <= self.max + Duration::from_millis(as_of)
    }

    fn has_all_as_of(&self, time: Instant) {
        let millis = time.saturating_duration_since(self.start).as_millis();
        self.complete_as_of.store(u64::try_from(millis).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
    }

    fn forget(&self) {
        self.complete_as_of.store(0, Ordering::Relaxed);
    }
}

/// What the primary had written when, oldest first.
#[derive(Default)]
struct History(VecDeque<(Instant, i64)>);

impl History {
    fn note(&mut self, time: Instant, written: i64, max_age: Duration) {
        self.0.push_back((time, written));
        while self.0.front().is_some_and(|(noted, _)| time.duration_since(*noted) > max_age) {
            self.0.pop_front();
        }
    }

    /// When the primary had written what the standby has by now.
    fn reached_by(&self, replayed: i64) -> Option<Instant> {
        self.0.iter().rev().find(|(_, written)| *written <= replayed).map(|(time, _)| *time)
    }
}

/// Compares the standby with the primary, and not with what it has received: one that receives nothing any more seems to
/// itself to be up to date.
async fn watch(primary: PostgresDatabase, standby: PostgresDatabase, lag: Arc<Lag>) {
    let pause = (lag.max / 4).clamp(Duration::from_millis(100), Duration::from_secs(1));
    let mut history = History::default();
    loop {
        let asked = Instant::now();
        if let Ok(Some(written)) = position(&primary, WRITTEN).await {
            history.note(asked, written, lag.max * 2);
        }
        match position(&standby, REPLAYED).await {
            Ok(Some(replayed)) => {
                if let Some(time) = history.reached_by(replayed) {
                    lag.has_all_as_of(time);
                }
            }
            // A standby that was promoted has a history of its own.
            Ok(None) => lag.forget(),
            Err(error) => tracing::debug!(%error, "the standby does not say how far it is"),
        }
        tokio::time::sleep(pause).await;
    }
}

async fn position(
    database: &PostgresDatabase,
    question: &'static str,
) -> Result<Option<i64>, RepositoryError> {
    let asking =
        database.connections.look(async |connection| connection.first(&diesel::sql_query(question)).await);
    asking
        .await?
        .map(|row| row.try_get(0))
        .transpose()
        .map_err(|error| RepositoryError::Backend(error.into()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{History, Lag};

    #[test]
    fn a_standby_has_what_the_primary_had_written_when_it_was_last_level() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut history = History::default();
        for (seconds, written) in [(0, 100), (1, 200), (2, 200), (3, 300)] {
            history.note(start + second * seconds, written, second * 10);
        }
        assert_eq!(history.reached_by(99), None);
        assert_eq!(history.reached_by(100), Some(start));
        assert_eq!(history.reached_by(250), Some(start + second * 2), "the primary stood still meanwhile");
        assert_eq!(history.reached_by(300), Some(start + second * 3));
        history.note(start + second * 12, 300, second * 10);
        assert_eq!(history.reached_by(150), None, "what is old is forgotten");
    }

    #[test]
    fn what_is_not_known_is_not_small() {
        let lag = Lag::new(Duration::from_secs(5));
        assert!(!lag.is_known_to_be_small());
        lag.has_all_as_of(Instant::now());
        assert!(lag.is_known_to_be_small());
        lag.forget();
        assert!(!lag.is_known_to_be_small());
        let strict = Lag::new(Duration::ZERO);
        strict.has_all_as_of(Instant::now());
        std::thread::sleep(Duration::from_millis(5));
        assert!(!strict.is_known_to_be_small(), "time goes on");
    }
}
