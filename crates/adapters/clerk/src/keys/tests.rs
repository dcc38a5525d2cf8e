//! Tests the times of fetches with a paused clock, and which entries of a key set are usable.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use icp_ports::Health;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, advance, sleep};

use super::key_set::{KeySet, KeySetSettings, MAX_WAITING, Source, usable_keys};
use super::test_keys::{INSTANCE_KEY, OTHER_KEY, key_set};
use crate::rejection::Rejection;

const LIFETIME: Duration = Duration::from_mins(5);
const COOLDOWN: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const MILLISECOND: Duration = Duration::from_millis(1);

type FindResult = Result<(), &'static str>;
const UNKNOWN_KEY: FindResult = Err("unknown_key");
const UNAVAILABLE: FindResult = Err("unavailable");

/// A key server with a configurable response.
#[derive(Clone)]
struct TestSource(Arc<Mutex<SourceState>>);

struct SourceState {
    /// The response. An empty document makes the fetch fail.
    document: String,
    delay: Duration,
    fetch_times: Vec<Instant>,
}

impl TestSource {
    fn new(document: String) -> Self {
        Self(Arc::new(Mutex::new(SourceState { document, delay: Duration::ZERO, fetch_times: Vec::new() })))
    }

    /// Starts a source and a key set, and waits for the first fetch and for the end of its cooldown. All later
    /// responses take `delay`.
    async fn after_first_fetch(delay: Duration) -> (Self, Arc<KeySet>) {
        let source = Self::new(one_key());
        let set = source.start(LIFETIME, COOLDOWN);
        assert_eq!(find_key(&set, "key_1").await, Ok(()));
        advance(COOLDOWN).await;
        source.state().delay = delay;
        (source, set)
    }

    fn state(&self) -> MutexGuard<'_, SourceState> {
        self.0.lock().unwrap()
    }

    fn respond(&self, document: String) {
        self.state().document = document;
    }

    fn fetch_count(&self) -> usize {
        self.state().fetch_times.len()
    }

    /// Returns the times between consecutive fetches.
    fn pauses(&self) -> Vec<Duration> {
        self.state().fetch_times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    fn start(&self, lifetime: Duration, cooldown: Duration) -> Arc<KeySet> {
        let url = "https://clerk.example.com/.well-known/jwks.json".parse().unwrap();
        let settings = KeySetSettings { url, lifetime, cooldown };
        KeySet::start_with(settings, Box::new(self.clone()), Handle::current())
    }
}

#[async_trait]
impl Source for TestSource {
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        let (document, delay) = {
            let mut state = self.state();
            state.fetch_times.push(Instant::now());
            (state.document.clone(), state.delay)
        };
        sleep(delay).await;
        Ok(document.into_bytes())
    }
}

fn one_key() -> String {
    key_set(&[&INSTANCE_KEY.jwk("key_1")])
}

fn two_keys() -> String {
    key_set(&[&INSTANCE_KEY.jwk("key_1"), &OTHER_KEY.jwk("key_2")])
}

async fn find_key(set: &Arc<KeySet>, kid: &str) -> FindResult {
    set.find(kid).await.map(drop).map_err(|rejection| match rejection {
        Rejection::Refused(reason, _) => reason,
        _ => "unavailable",
    })
}

/// Starts `count` requests for a key, and runs all of them until they have finished or wait for a fetch.
async fn spawn_requests(set: &Arc<KeySet>, count: usize, kid: &'static str) -> JoinSet<FindResult> {
    let request = |set: Arc<KeySet>| async move { find_key(&set, kid).await };
    let requests = (0..count).map(|_| request(Arc::clone(set))).collect();
    for _ in 0..3 {
        yield_now().await;
    }
    requests
}

async fn assert_all(requests: JoinSet<FindResult>, expected: FindResult) {
    assert!(requests.join_all().await.iter().all(|outcome| *outcome == expected));
}

/// Checks that [`MAX_WAITING`] requests have the result `waited`, and that all other requests have the result
/// `not_waited`.
async fn assert_few_waited(requests: JoinSet<FindResult>, waited: FindResult, not_waited: FindResult) {
    let (count, outcomes) = (requests.len(), requests.join_all().await);
    let count_of = |result: FindResult| outcomes.iter().filter(|outcome| **outcome == result).count();
    assert_eq!((count_of(waited), count_of(not_waited)), (MAX_WAITING, count - MAX_WAITING));
}

#[tokio::test(start_paused = true)]
async fn all_requests_at_start_share_one_fetch() {
    let source = TestSource::new(one_key());
    source.state().delay = 2 * SECOND;
    let set = source.start(LIFETIME, COOLDOWN);
    let known = spawn_requests(&set, 1_000, "key_1").await;
    let (unknown, start) = (spawn_requests(&set, 1_000, "key_x").await, Instant::now());
    assert_all(unknown, UNAVAILABLE).await;
    assert_eq!(start.elapsed(), Duration::ZERO, "requests beyond the maximum must not wait");
    assert_few_waited(known, Ok(()), UNAVAILABLE).await;
    assert_all(spawn_requests(&set, 1_000, "key_1").await, Ok(())).await;
    assert_all(spawn_requests(&set, 1_000, "key_x").await, UNKNOWN_KEY).await;
    assert_eq!(source.fetch_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn number_of_waiting_requests_is_limited() {
    let (source, set) = TestSource::after_first_fetch(SECOND).await;
    source.respond(two_keys());
    let (new, start) = (spawn_requests(&set, 1_000, "key_2").await, Instant::now());
    assert_all(spawn_requests(&set, 1_000, "key_2").await, UNKNOWN_KEY).await;
    assert_all(spawn_requests(&set, 1_000, "key_1").await, Ok(())).await;
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "requests beyond the maximum and for a known key must not wait"
    );
    assert_few_waited(new, Ok(()), UNKNOWN_KEY).await;
    assert_eq!(source.fetch_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn waiting_requests_share_fetch_longer_than_cooldown() {
    let source = TestSource::new(one_key());
    source.state().delay = 2 * SECOND;
    let set = source.start(LIFETIME, Duration::ZERO);
    assert_few_waited(spawn_requests(&set, 1_000, "key_x").await, UNKNOWN_KEY, UNAVAILABLE).await;
    assert_eq!(source.fetch_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn disconnected_clients_do_not_affect_fetch() {
    let (source, set) = TestSource::after_first_fetch(SECOND).await;
    source.respond(two_keys());
    drop(spawn_requests(&set, MAX_WAITING, "key_2").await);
    assert_all(spawn_requests(&set, 100, "key_2").await, UNKNOWN_KEY).await;
    sleep(2 * SECOND).await;
    assert_eq!(find_key(&set, "key_2").await, Ok(()));
    assert_eq!(source.fetch_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_cause_one_fetch_per_cooldown() {
    let (source, set) = TestSource::after_first_fetch(Duration::ZERO).await;
    assert_eq!(find_key(&set, "key_2").await, UNKNOWN_KEY);
    source.respond(two_keys());
    advance(COOLDOWN.saturating_sub(MILLISECOND)).await;
    assert_eq!((find_key(&set, "key_2").await, source.fetch_count()), (UNKNOWN_KEY, 2));
    advance(MILLISECOND).await;
    assert_eq!((find_key(&set, "key_2").await, source.fetch_count()), (Ok(()), 3));
    assert_eq!((find_key(&set, "key_3").await, source.fetch_count()), (UNKNOWN_KEY, 3));
}

#[tokio::test(start_paused = true)]
async fn failed_fetch_starts_cooldown_and_keeps_keys() {
    let (source, set) = TestSource::after_first_fetch(Duration::ZERO).await;
    source.respond(String::new());
    for _ in 0..50 {
        assert_eq!(find_key(&set, "key_x").await, UNKNOWN_KEY);
        assert_eq!(find_key(&set, "key_1").await, Ok(()));
        advance(SECOND).await;
    }
    // One fetch at the start, and one in each of five cooldowns.
    assert_eq!(source.fetch_count(), 6);
    assert!(source.pauses().iter().all(|pause| *pause >= COOLDOWN));
}

#[tokio::test(start_paused = true)]
async fn set_is_refreshed_before_it_is_stale() {
    let source = TestSource::new(two_keys());
    let set = source.start(LIFETIME, COOLDOWN);
    let (key, removed) = (set.find("key_1").await.unwrap(), set.find("key_2").await.unwrap());
    source.respond(one_key());
    sleep(LIFETIME).await;
    assert!(!set.contains("key_2", &removed) && set.contains("key_1", &key));
    assert_eq!(find_key(&set, "key_2").await, UNKNOWN_KEY);
    for second in 0..3_600 {
        assert_eq!(set.health(), Health::Ok, "after {second} s");
        sleep(SECOND).await;
    }
    // A fetch is due after 4/5 of the lifetime, so there are about 16 fetches in 65 minutes.
    assert!((12..=18).contains(&source.fetch_count()), "{}", source.fetch_count());
}

#[tokio::test(start_paused = true)]
async fn last_good_set_is_used_for_24_hours() {
    let source = TestSource::new(one_key());
    let set = source.start(LIFETIME, COOLDOWN);
    let key = set.find("key_1").await.unwrap();
    source.respond(String::new());
    sleep(LIFETIME).await;
    assert_eq!(set.health(), Health::Ok);
    sleep(MILLISECOND).await;
    assert_eq!(set.health(), Health::Stale);
    sleep((24 * HOUR).saturating_sub(LIFETIME + 2 * MILLISECOND)).await;
    assert_eq!((set.health(), find_key(&set, "key_1").await), (Health::Stale, Ok(())));
    assert_eq!(find_key(&set, "key_x").await, UNKNOWN_KEY);
    sleep(2 * MILLISECOND).await;
    assert_eq!((set.health(), find_key(&set, "key_1").await), (Health::Unavailable, UNAVAILABLE));
    assert!(!set.contains("key_1", &key), "an expired set must not contain the key of a cached token");
}

#[tokio::test(start_paused = true)]
async fn first_fetch_is_retried_with_backoff() {
    let source = TestSource::new(String::new());
    let set = source.start(LIFETIME, COOLDOWN);
    sleep(Duration::from_mins(1)).await;
    let pauses: Vec<_> = source.pauses().iter().map(Duration::as_millis).collect();
    assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000]);
    assert_all(spawn_requests(&set, 100, "key_1").await, UNAVAILABLE).await;
    assert_eq!(source.fetch_count(), 11);
    sleep(2 * HOUR).await;
    source.respond(one_key());
    sleep(COOLDOWN).await;
    assert_eq!((set.health(), find_key(&set, "key_1").await), (Health::Ok, Ok(())));
}

#[tokio::test(start_paused = true)]
async fn extreme_settings_cause_no_panic_or_many_fetches() {
    let short_source = TestSource::new(one_key());
    let set = short_source.start(Duration::ZERO, Duration::ZERO);
    sleep(SECOND).await;
    assert!(short_source.fetch_count() <= 11, "{}", short_source.fetch_count());
    drop(set);
    assert_eq!(Arc::strong_count(&short_source.0), 1, "the task must end when the set is dropped");
    let source = TestSource::new(one_key());
    let set = source.start(Duration::MAX, Duration::MAX);
    sleep(25 * HOUR).await;
    assert_eq!(set.health(), Health::Ok);
}

/// Returns the IDs of the usable keys.
fn usable_ids(document: &str) -> Vec<String> {
    usable_keys(document.as_bytes()).into_keys().collect()
}

/// Returns the IDs of the usable keys of a set with a valid key `good` and a key `odd`, in which `to` replaces `from`.
fn usable_ids_with(from: &str, to: &str) -> Vec<String> {
    let odd = OTHER_KEY.jwk("odd");
    assert!(odd.contains(from), "{from}");
    usable_ids(&key_set(&[&odd.replace(from, to), &INSTANCE_KEY.jwk("good")]))
}

#[test]
fn every_usable_key_is_used() {
    assert_eq!(usable_ids(&key_set(&[&INSTANCE_KEY.jwk("a"), &OTHER_KEY.jwk("b")])), ["a", "b"]);
    let (n, _) = OTHER_KEY.modulus_and_exponent();
    let with_zero = URL_SAFE_NO_PAD.encode([&[0], &URL_SAFE_NO_PAD.decode(&n).unwrap()[..]].concat());
    let x5c = r#""x5c":["x"],"x":{},"kty""#;
    for (from, to) in
        [(r#","alg":"RS256""#, ""), (r#""use":"sig","#, ""), (r#""kty""#, x5c), (&n, &with_zero)]
    {
        assert_eq!(usable_ids_with(from, to), ["good", "odd"], "{from} -> {to}");
    }
    let first =
        usable_keys(key_set(&[r#"{"kid":"a"}"#, &INSTANCE_KEY.jwk("a"), &OTHER_KEY.jwk("a")]).as_bytes());
    assert_eq!(
        first,
        usable_keys(key_set(&[&INSTANCE_KEY.jwk("a")]).as_bytes()),
        "the first of two usable keys with the same ID must be used"
    );
}

#[test]
fn unusable_entries_are_skipped() {
    let n = OTHER_KEY.modulus_and_exponent().0;
    let (padded, invalid, long) = (format!("{n}=="), format!("{n}!"), n.repeat(5));
    for (from, to) in [
        (r#""RSA""#, [r#""rsa""#, r#""EC""#, "null"].as_slice()),
        (r#""kty":"RSA","#, &[""]),
        (r#""RS256""#, &[r#""RS512""#, "1"]),
        (r#""sig""#, &[r#""enc""#, "1"]),
        (r#","kid":"odd""#, &[""]),
        (r#""odd""#, &["null", "1"]),
        (r#""AQAB""#, &[r#""""#, "65537", r#""AQAA""#, r#""AQ""#, r#""AQAB==""#]),
        (r#","e":"AQAB""#, &[""]),
        // The third value is a modulus of 1032 bits, which is too short.
        (&n, &["", "AQAB", &n[..172], &padded, &invalid, &long]),
    ] {
        for to in to {
            assert_eq!(usable_ids_with(from, to), ["good"], "{from} -> {to}");
        }
    }
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let key_in_array = format!("[{}]", OTHER_KEY.jwk("b"));
    let entries = ["null", "[]", "1", r#""x""#, "{}", &deep, &INSTANCE_KEY.jwk("good"), &key_in_array];
    assert_eq!(usable_ids(&key_set(&entries)), ["good"]);
    let valid_key = INSTANCE_KEY.jwk("a");
    for document in [
        "",
        "x",
        "[]",
        r#"{"keys":null}"#,
        &valid_key,
        &format!("[{valid_key}]"),
        &format!(r#"{{"keys":{valid_key}}}"#),
    ] {
        assert!(usable_ids(document).is_empty(), "{document}");
    }
    assert!(usable_keys(b"\xff").is_empty());
}
