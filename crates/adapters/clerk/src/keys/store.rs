use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use icp_ports::Health;
use tokio::time::Instant;

use super::NoKey;
use super::document::KeysByName;
use super::rsa::RsaKey;

/// How long the last good set serves when no newer one is to be had.
const LAST_RESORT: Duration = Duration::from_hours(24);

/// The present key set. It is read without a lock: a fetch in progress blocks nobody whose key is known.
pub(super) struct Store {
    current: ArcSwapOption<Fetched>,
    lifetime: Duration,
    succeeded: AtomicU64,
    failed: AtomicU64,
}

/// The state of a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetStatus {
    /// Fetches that succeeded.
    pub fetched: u64,
    /// Fetches that failed.
    pub failed: u64,
    /// The age of the set in use, if there is one.
    pub age: Option<Duration>,
}

struct Fetched {
    keys: KeysByName,
    since: Instant,
}

impl Fetched {
    fn serves(&self) -> bool {
        self.since.elapsed() < LAST_RESORT
    }
}

impl Store {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            lifetime,
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// The new set replaces the old one whole: a key that is not in it is gone.
    pub(super) fn replace(&self, keys: KeysByName, since: Instant) {
        self.current.store(Some(Arc::new(Fetched { keys, since })));
    }

    /// Counts a fetch.
    pub(super) fn count_fetch(&self, has_succeeded: bool) {
        let counter = if has_succeeded { &self.succeeded } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn status(&self) -> KeySetStatus {
        KeySetStatus {
            fetched: self.succeeded.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            age: self.current.load().as_ref().map(|fetched| fetched.since.elapsed()),
        }
    }

    pub(super) fn keys(&self) -> KeysByName {
        self.current.load().as_ref().map(|fetched| fetched.keys.clone()).unwrap_or_default()
    }

    pub(super) fn find(&self, kid: &str) -> Result<Arc<RsaKey>, NoKey> {
        let current = self.current.load();
        let fetched = current.as_ref().filter(|fetched| fetched.serves()).ok_or(NoKey::Unavailable)?;
        fetched.keys.get(kid).map(Arc::clone).ok_or(NoKey::Unknown)
    }

    pub(super) fn holds(&self, key: &Arc<RsaKey>) -> bool {
        let current = self.current.load();
        let fetched = current.as_ref().filter(|fetched| fetched.serves());
        // A set has two or three keys. That it is the same object also says that it has the same name.
        fetched.is_some_and(|fetched| fetched.keys.values().any(|held| Arc::ptr_eq(held, key)))
    }

    pub(super) fn health(&self) -> Health {
        match self.current.load().as_ref().filter(|fetched| fetched.serves()) {
            None => Health::Unavailable,
            Some(fetched) if fetched.since.elapsed() > self.lifetime => Health::Stale,
            Some(_) => Health::Ok,
        }
    }
}
