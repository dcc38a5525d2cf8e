//! The key set that a Clerk instance publishes. Requests on any runtime read the current set without a lock. All
//! fetches run on the runtime that called [`KeySet::start`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use icp_ports::Health;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse};
use reqwest::{Client, StatusCode, redirect};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use super::{KeySetUrl, PublicKey};
use crate::error::StartError;
use crate::rejection::Rejection;

/// Timeout of one fetch, from the start of the connection to the last byte of the body.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// The maximum length of the response. A longer response is an error.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The maximum number of requests that wait for a fetch. Further requests use the current set immediately.
pub(super) const MAX_WAITING: usize = 16;
/// The age at which a set is no longer used. A set reaches this age only if all later fetches fail.
const MAX_AGE: Duration = Duration::from_hours(24);
/// The pause after the first failed fetch while no set is usable. It doubles after each failure, up to the cooldown.
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(250);
/// Bounds of the pause between two background fetches, for settings that are too short or too long.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_hours(24);

/// The settings of a published key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetSettings {
    /// The URL of the key set.
    pub url: KeySetUrl,
    /// The age at which a set is stale. The next fetch is due after 4/5 of this time. If this fetch succeeds, it
    /// replaces the set before it is stale. From then on, a key that Clerk has removed is refused.
    pub lifetime: Duration,
    /// The time after the start of a fetch during which an unknown key does not cause another fetch. While no set is
    /// usable, the time after a failed fetch can be shorter.
    pub cooldown: Duration,
}

/// The state of a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetStatus {
    /// The number of fetches that succeeded.
    pub success_count: u64,
    /// The number of fetches that failed.
    pub failure_count: u64,
    /// The age of the last fetched set, if there is one, even if this set is too old to be used.
    pub age: Option<Duration>,
}

pub(super) type KeysById = BTreeMap<String, Arc<PublicKey>>;

/// A key set that is fetched again before it is stale.
pub(crate) struct KeySet {
    settings: KeySetSettings,
    source: Box<dyn Source>,
    runtime: Handle,
    current: ArcSwapOption<FetchedSet>,
    /// Locked during a fetch, so that fetches do not overlap.
    schedule: Mutex<Schedule>,
    waiting: Arc<Semaphore>,
    success_count: AtomicU64,
    failure_count: AtomicU64,
}

struct Schedule {
    /// The time of the next background fetch.
    due: Instant,
    /// The end of the cooldown. Before this time, an unknown key causes no fetch.
    cooldown_end: Instant,
    /// The pause after the next failed fetch while there is no usable set.
    retry_pause: Duration,
}

impl Schedule {
    fn is_cooling_down(&self) -> bool {
        Instant::now() < self.cooldown_end
    }
}

struct FetchedSet {
    keys: KeysById,
    fetch_started: Instant,
}

impl KeySet {
    /// Returns an empty set, and starts the task that fetches the set on the current runtime.
    /// Fails if there is no tokio runtime, or if the HTTP client cannot be created.
    pub(crate) fn start(settings: KeySetSettings) -> Result<Arc<Self>, StartError> {
        let runtime = Handle::try_current().map_err(|error| StartError(error.to_string()))?;
        let builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            // A redirect to another host would let that host choose the keys.
            .redirect(redirect::Policy::none())
            // The server closes an idle connection long before the next fetch.
            .pool_max_idle_per_host(0);
        // `KeySetUrl` allows http only for a loopback host, which needs no proxy and no certificates.
        let is_local = settings.url.0.scheme() == "http";
        let builder = if is_local { builder.no_proxy().tls_certs_only([]) } else { builder };
        let client = builder.build().map_err(|error| StartError(with_causes(error)))?;
        let source = HttpSource(client, settings.url.clone());
        Ok(Self::start_with(settings, Box::new(source), runtime))
    }

    pub(super) fn start_with(
        settings: KeySetSettings,
        source: Box<dyn Source>,
        runtime: Handle,
    ) -> Arc<Self> {
        let now = Instant::now();
        let set = Arc::new(Self {
            settings,
            source,
            runtime,
            current: ArcSwapOption::empty(),
            schedule: Mutex::new(Schedule { due: now, cooldown_end: now, retry_pause: FIRST_RETRY_PAUSE }),
            success_count: AtomicU64::new(0),
            failure_count: AtomicU64::new(0),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        });
        set.runtime.spawn(keep_fresh(Arc::downgrade(&set)));
        set
    }

    /// Returns the key with the ID `kid`. If the set does not contain the key, this method waits for a fetch. It does
    /// not wait during the cooldown, or while [`MAX_WAITING`] requests wait. Fails with `unknown_key`, or with
    /// [`Rejection::KeysUnavailable`] if there is no usable set.
    pub(crate) async fn find(self: &Arc<Self>, kid: &str) -> Result<Arc<PublicKey>, Rejection> {
        let find_in_current_set = || {
            let current = self.usable().ok_or(Rejection::KeysUnavailable)?;
            let key = current.keys.get(kid).cloned();
            key.ok_or_else(|| Rejection::Refused("unknown_key", Some(kid.to_owned())))
        };
        let found = find_in_current_set();
        let is_cooling_down = || self.schedule.try_lock().is_ok_and(|schedule| schedule.is_cooling_down());
        if found.is_ok() || is_cooling_down() {
            return found;
        }
        let Ok(permit) = Arc::clone(&self.waiting).try_acquire_owned() else { return found };
        // The fetch is a separate task, so that it continues if the client disconnects and this future is dropped.
        let _ = self.runtime.spawn(Arc::clone(self).fetch_on_demand(self.fetch_count(), permit)).await;
        find_in_current_set()
    }

    /// Returns true if the set contains this `key` with the ID `kid`.
    pub(crate) fn contains(&self, kid: &str, key: &PublicKey) -> bool {
        self.usable().is_some_and(|current| current.keys.get(kid).is_some_and(|found| **found == *key))
    }

    pub(crate) fn health(&self) -> Health {
        match self.usable() {
            None => Health::Unavailable,
            Some(current) if current.fetch_started.elapsed() > self.settings.lifetime => Health::Stale,
            Some(_) => Health::Ok,
        }
    }

    pub(crate) fn status(&self) -> KeySetStatus {
        KeySetStatus {
            success_count: self.success_count.load(Ordering::Relaxed),
            failure_count: self.failure_count.load(Ordering::Relaxed),
            age: self.current.load().as_ref().map(|current| current.fetch_started.elapsed()),
        }
    }

    /// Returns the current set, unless it is too old.
    fn usable(&self) -> Option<Arc<FetchedSet>> {
        self.current.load_full().filter(|current| current.fetch_started.elapsed() < MAX_AGE)
    }

    /// Returns the number of fetches that have ended.
    fn fetch_count(&self) -> u64 {
        self.success_count.load(Ordering::SeqCst) + self.failure_count.load(Ordering::SeqCst)
    }

    /// Fetches the set, unless another fetch has ended since [`Self::fetch_count`] returned `previous_count`. Does not
    /// fetch during the cooldown.
    async fn fetch_on_demand(self: Arc<Self>, previous_count: u64, _permit: OwnedSemaphorePermit) {
        let mut schedule = self.schedule.lock().await;
        if self.fetch_count() == previous_count && !schedule.is_cooling_down() {
            self.fetch(&mut schedule).await;
        }
    }

    /// Fetches the set, counts and logs the outcome, and schedules the next fetch.
    async fn fetch(&self, schedule: &mut Schedule) {
        let start = Instant::now();
        let fetch = timeout(FETCH_TIMEOUT, self.source.fetch()).await;
        let outcome = fetch.unwrap_or_else(|_| Err(format!("no complete response within {FETCH_TIMEOUT:?}")));
        let outcome = outcome.and_then(|document| self.replace(&document, start));
        let KeySetSettings { url, lifetime, cooldown } = &self.settings;
        let (mut cooldown, mut pause) = (*cooldown, *lifetime / 5 * 4);
        if let Err(error) = &outcome {
            tracing::warn!(url = url.0.as_str(), error, "cannot fetch the key set");
            if self.usable().is_none() {
                cooldown = cooldown.min(schedule.retry_pause);
                schedule.retry_pause = (schedule.retry_pause * 2).min(MAX_PAUSE);
            }
            pause = cooldown;
        }
        let counter = if outcome.is_ok() { &self.success_count } else { &self.failure_count };
        counter.fetch_add(1, Ordering::SeqCst);
        schedule.cooldown_end = start + cooldown.min(MAX_PAUSE);
        schedule.due = start + pause.clamp(MIN_PAUSE, MAX_PAUSE);
    }

    /// Replaces all keys by the keys in `document`. Fails if `document` has no usable key.
    fn replace(&self, document: &[u8], fetch_started: Instant) -> Result<(), String> {
        let old = self.current.load_full();
        let keys = usable_keys(document);
        if keys.is_empty() {
            return Err("the response has no usable RSA key".to_owned());
        }
        if old.is_none_or(|old| !old.keys.keys().eq(keys.keys())) {
            let kids: Vec<_> = keys.keys().collect();
            tracing::info!(url = self.settings.url.0.as_str(), ?kids, "fetched the key set");
        }
        self.current.store(Some(Arc::new(FetchedSet { keys, fetch_started })));
        Ok(())
    }
}

/// Fetches the set each time a fetch is due, until the set is dropped.
async fn keep_fresh(set: Weak<KeySet>) {
    while let Some(set) = set.upgrade() {
        let mut schedule = set.schedule.lock().await;
        if schedule.due <= Instant::now() {
            set.fetch(&mut schedule).await;
        }
        let due = schedule.due;
        drop(schedule);
        drop(set);
        sleep_until(due).await;
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Box<RawValue>>,
}

/// Returns the RSA keys of a document that can verify RS256. Skips other entries, because a key set may also contain
/// keys for other purposes. Returns no keys if the document cannot be parsed.
pub(super) fn usable_keys(document: &[u8]) -> KeysById {
    let entries = serde_json::from_slice(document).map_or_else(|_| Vec::new(), |Document { keys }| keys);
    // If two keys have the same ID, the first key is used. `collect` keeps the last key, so the order is reversed.
    entries.into_iter().rev().filter_map(|entry| usable_key(&entry)).collect()
}

fn usable_key(entry: &RawValue) -> Option<(String, Arc<PublicKey>)> {
    let Jwk { common, algorithm } = serde_json::from_str(entry.get()).ok()?;
    let AlgorithmParameters::RSA(parameters) = algorithm else { return None };
    let is_usable = common.key_algorithm.is_none_or(|algorithm| algorithm == KeyAlgorithm::RS256)
        && common.public_key_use.is_none_or(|usage| usage == PublicKeyUse::Signature);
    is_usable.then(|| Some((common.key_id?, Arc::new(PublicKey::from_parameters(&parameters)?)))).flatten()
}

/// Downloads the document of a key set. The caller limits the time. The error is a message for the log.
#[async_trait]
pub(super) trait Source: Send + Sync {
    async fn fetch(&self) -> Result<Vec<u8>, String>;
}

/// A source that downloads the document with HTTP.
struct HttpSource(Client, KeySetUrl);

#[async_trait]
impl Source for HttpSource {
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        let mut response = self.0.get(self.1.0.clone()).send().await.map_err(with_causes)?;
        if response.status() != StatusCode::OK {
            return Err(format!("the response has the status {}", response.status()));
        }
        let mut body = Vec::new();
        // `Content-Length` may be missing or wrong, so the length is checked while the body arrives.
        while let Some(chunk) = response.chunk().await.map_err(with_causes)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(format!("the response has more than {MAX_BODY_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes the error by value")]
fn with_causes(error: reqwest::Error) -> String {
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
