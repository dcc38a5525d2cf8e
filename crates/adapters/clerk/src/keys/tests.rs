//! Tests the timing of fetches, with a paused clock, and the selection of usable keys.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use icp_ports::Health;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, advance, sleep};

use super::key_set::{Fetch, KeySet, KeySetSettings, MAX_WAITING, usable_keys};
use super::rsa_for_tests::{KEY, OTHER, key_set};
use crate::rejection::Rejection;

const LIFETIME: Duration = Duration::from_mins(5);
const COOLDOWN: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const INSTANT: Duration = Duration::from_millis(1);

type Found = Result<(), &'static str>;
const UNKNOWN: Found = Err("unknown_key");
const UNAVAILABLE: Found = Err("unavailable");

/// An endpoint with a configurable response.
#[derive(Clone)]
struct Endpoint(Arc<Mutex<State>>);

struct State {
    /// An empty document is an outage.
    document: String,
    delay: Duration,
    fetches: Vec<Instant>,
}

impl Endpoint {
    fn new(document: String) -> Self {
        Self(Arc::new(Mutex::new(State { document, delay: Duration::ZERO, fetches: Vec::new() })))
    }

    /// Returns an endpoint after its first response and one cooldown. Further responses have the delay.
    async fn after_first_fetch(delay: Duration) -> (Self, Arc<KeySet>) {
        let endpoint = Self::new(one_key());
        let set = endpoint.start(LIFETIME, COOLDOWN);
        assert_eq!(found(&set, "key_1").await, Ok(()));
        advance(COOLDOWN).await;
        endpoint.state().delay = delay;
        (endpoint, set)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn respond(&self, document: String) {
        self.state().document = document;
    }

    fn fetches(&self) -> usize {
        self.state().fetches.len()
    }

    /// The pauses between one fetch and the next.
    fn pauses(&self) -> Vec<Duration> {
        self.state().fetches.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    fn start(&self, lifetime: Duration, cooldown: Duration) -> Arc<KeySet> {
        let url = "https://clerk.example.com/.well-known/jwks.json".parse().unwrap();
        let settings = KeySetSettings { url, lifetime, cooldown };
        KeySet::start_with(settings, Box::new(self.clone()), Handle::current())
    }
}

#[async_trait]
impl Fetch for Endpoint {
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        let (document, delay) = {
            let mut state = self.state();
            state.fetches.push(Instant::now());
            (state.document.clone(), state.delay)
        };
        sleep(delay).await;
        Ok(document.into_bytes())
    }
}

fn one_key() -> String {
    key_set(&[&KEY.jwk("key_1")])
}

fn two_keys() -> String {
    key_set(&[&KEY.jwk("key_1"), &OTHER.jwk("key_2")])
}

async fn found(set: &Arc<KeySet>, kid: &str) -> Found {
    set.find(kid).await.map(drop).map_err(|rejection| match rejection {
        Rejection::Refused(reason, _) => reason,
        _ => "unavailable",
    })
}

/// Starts `count` requests for a key, and runs them until they wait.
async fn spawn_requests(set: &Arc<KeySet>, count: usize, kid: &'static str) -> JoinSet<Found> {
    let one = |set: Arc<KeySet>| async move { found(&set, kid).await };
    let requests = (0..count).map(|_| one(Arc::clone(set))).collect();
    for _ in 0..3 {
        yield_now().await;
    }
    requests
}

async fn assert_all(requests: JoinSet<Found>, expected: Found) {
    assert!(requests.join_all().await.iter().all(|outcome| *outcome == expected));
}

/// Checks that a few requests waited and got `expected`, and that all others got `others`.
async fn assert_few_waited(requests: JoinSet<Found>, expected: Found, others: Found) {
    let (count, outcomes) = (requests.len(), requests.join_all().await);
    let number_of = |expected: Found| outcomes.iter().filter(|outcome| **outcome == expected).count();
    assert_eq!((number_of(expected), number_of(others)), (MAX_WAITING, count - MAX_WAITING));
}

#[tokio::test(start_paused = true)]
async fn start_under_load_is_one_fetch() {
    let endpoint = Endpoint::new(one_key());
    endpoint.state().delay = 2 * SECOND;
    let set = endpoint.start(LIFETIME, COOLDOWN);
    let known = spawn_requests(&set, 1_000, "key_1").await;
    let (unknown, start) = (spawn_requests(&set, 1_000, "key_x").await, Instant::now());
    assert_all(unknown, UNAVAILABLE).await;
    assert_eq!(start.elapsed(), Duration::ZERO, "others wait already");
    assert_few_waited(known, Ok(()), UNAVAILABLE).await;
    assert_all(spawn_requests(&set, 1_000, "key_1").await, Ok(())).await;
    assert_all(spawn_requests(&set, 1_000, "key_x").await, UNKNOWN).await;
    assert_eq!(endpoint.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn few_requests_wait_for_fetch() {
    let (endpoint, set) = Endpoint::after_first_fetch(SECOND).await;
    endpoint.respond(two_keys());
    let (new, start) = (spawn_requests(&set, 1_000, "key_2").await, Instant::now());
    assert_all(spawn_requests(&set, 1_000, "key_2").await, UNKNOWN).await;
    assert_all(spawn_requests(&set, 1_000, "key_1").await, Ok(())).await;
    assert_eq!(start.elapsed(), Duration::ZERO, "a known key does not wait");
    assert_few_waited(new, Ok(()), UNKNOWN).await;
    assert_eq!(endpoint.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn fetch_longer_than_cooldown_is_one_fetch() {
    let endpoint = Endpoint::new(one_key());
    endpoint.state().delay = 2 * SECOND;
    let set = endpoint.start(LIFETIME, Duration::ZERO);
    assert_few_waited(spawn_requests(&set, 1_000, "key_x").await, UNKNOWN, UNAVAILABLE).await;
    assert_eq!(endpoint.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn disconnected_clients_do_not_affect_fetch() {
    let (endpoint, set) = Endpoint::after_first_fetch(SECOND).await;
    endpoint.respond(two_keys());
    drop(spawn_requests(&set, MAX_WAITING, "key_2").await);
    assert_all(spawn_requests(&set, 100, "key_2").await, UNKNOWN).await;
    sleep(2 * SECOND).await;
    assert_eq!(found(&set, "key_2").await, Ok(()));
    assert_eq!(endpoint.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn unknown_key_fetches_once_in_cooldown() {
    let (endpoint, set) = Endpoint::after_first_fetch(Duration::ZERO).await;
    assert_eq!(found(&set, "key_2").await, UNKNOWN);
    endpoint.respond(two_keys());
    advance(COOLDOWN.saturating_sub(INSTANT)).await;
    assert_eq!((found(&set, "key_2").await, endpoint.fetches()), (UNKNOWN, 2));
    advance(INSTANT).await;
    assert_eq!((found(&set, "key_2").await, endpoint.fetches()), (Ok(()), 3));
    assert_eq!((found(&set, "key_3").await, endpoint.fetches()), (UNKNOWN, 3));
}

#[tokio::test(start_paused = true)]
async fn failures_count_for_cooldown_and_remove_nothing() {
    let (endpoint, set) = Endpoint::after_first_fetch(Duration::ZERO).await;
    endpoint.respond(String::new());
    for _ in 0..50 {
        assert_eq!(found(&set, "key_x").await, UNKNOWN);
        assert_eq!(found(&set, "key_1").await, Ok(()));
        advance(SECOND).await;
    }
    assert_eq!(endpoint.fetches(), 6);
    assert!(endpoint.pauses().iter().all(|pause| *pause >= COOLDOWN));
}

#[tokio::test(start_paused = true)]
async fn set_is_refreshed_before_it_is_stale() {
    let endpoint = Endpoint::new(two_keys());
    let set = endpoint.start(LIFETIME, COOLDOWN);
    let (key, removed) = (set.find("key_1").await.unwrap(), set.find("key_2").await.unwrap());
    endpoint.respond(one_key());
    sleep(LIFETIME).await;
    assert!(!set.contains("key_2", &removed) && set.contains("key_1", &key));
    assert_eq!(found(&set, "key_2").await, UNKNOWN);
    for second in 0..3_600 {
        assert_eq!(set.health(), Health::Ok, "after {second} s");
        sleep(SECOND).await;
    }
    assert!((12..=18).contains(&endpoint.fetches()), "{}", endpoint.fetches());
}

#[tokio::test(start_paused = true)]
async fn last_good_set_is_used_for_24_hours() {
    let endpoint = Endpoint::new(one_key());
    let set = endpoint.start(LIFETIME, COOLDOWN);
    let key = set.find("key_1").await.unwrap();
    endpoint.respond(String::new());
    sleep(LIFETIME).await;
    assert_eq!(set.health(), Health::Ok);
    sleep(INSTANT).await;
    assert_eq!(set.health(), Health::Stale);
    sleep((24 * HOUR).saturating_sub(LIFETIME + 2 * INSTANT)).await;
    assert_eq!((set.health(), found(&set, "key_1").await), (Health::Stale, Ok(())));
    assert_eq!(found(&set, "key_x").await, UNKNOWN);
    sleep(2 * INSTANT).await;
    assert_eq!((set.health(), found(&set, "key_1").await), (Health::Unavailable, UNAVAILABLE));
    assert!(!set.contains("key_1", &key), "its tokens leave the cache");
}

#[tokio::test(start_paused = true)]
async fn first_fetch_is_retried_with_backoff() {
    let endpoint = Endpoint::new(String::new());
    let set = endpoint.start(LIFETIME, COOLDOWN);
    sleep(Duration::from_mins(1)).await;
    let pauses: Vec<_> = endpoint.pauses().iter().map(Duration::as_millis).collect();
    assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000]);
    assert_all(spawn_requests(&set, 100, "key_1").await, UNAVAILABLE).await;
    assert_eq!(endpoint.fetches(), 11);
    sleep(2 * HOUR).await;
    endpoint.respond(one_key());
    sleep(COOLDOWN).await;
    assert_eq!((set.health(), found(&set, "key_1").await), (Health::Ok, Ok(())));
}

#[tokio::test(start_paused = true)]
async fn extreme_settings_cause_no_panic() {
    let hasty = Endpoint::new(one_key());
    let set = hasty.start(Duration::ZERO, Duration::ZERO);
    sleep(SECOND).await;
    assert!(hasty.fetches() <= 11, "{}", hasty.fetches());
    drop(set);
    assert_eq!(Arc::strong_count(&hasty.0), 1);
    let endpoint = Endpoint::new(one_key());
    let set = endpoint.start(Duration::MAX, Duration::MAX);
    sleep(25 * HOUR).await;
    assert_eq!(set.health(), Health::Ok);
}

/// Returns the IDs of the usable keys.
fn used(document: &str) -> Vec<String> {
    usable_keys(document.as_bytes()).into_keys().collect()
}

/// The same for a valid key and a key with `from` replaced by `to`.
fn used_with(from: &str, to: &str) -> Vec<String> {
    let odd = OTHER.jwk("odd");
    assert!(odd.contains(from), "{from}");
    used(&key_set(&[&odd.replace(from, to), &KEY.jwk("good")]))
}

#[test]
fn every_usable_key_is_used() {
    assert_eq!(used(&key_set(&[&KEY.jwk("a"), &OTHER.jwk("b")])), ["a", "b"]);
    let (n, _) = OTHER.components();
    let with_zero = URL_SAFE_NO_PAD.encode([&[0], &URL_SAFE_NO_PAD.decode(&n).unwrap()[..]].concat());
    let x5c = r#""x5c":["x"],"x":{},"kty""#;
    for (from, to) in
        [(r#","alg":"RS256""#, ""), (r#""use":"sig","#, ""), (r#""kty""#, x5c), (&n, &with_zero)]
    {
        assert_eq!(used_with(from, to), ["good", "odd"], "{from} -> {to}");
    }
    let first = usable_keys(key_set(&[r#"{"kid":"a"}"#, &KEY.jwk("a"), &OTHER.jwk("a")]).as_bytes());
    assert_eq!(first, usable_keys(key_set(&[&KEY.jwk("a")]).as_bytes()), "of one name, the first");
}

#[test]
fn unusable_entries_are_skipped() {
    let n = OTHER.components().0;
    let (padded, odd, long) = (format!("{n}=="), format!("{n}!"), n.repeat(5));
    for (from, to) in [
        (r#""RSA""#, [r#""rsa""#, r#""EC""#, "null"].as_slice()),
        (r#""kty":"RSA","#, &[""]),
        (r#""RS256""#, &[r#""RS512""#, "1"]),
        (r#""sig""#, &[r#""enc""#, "1"]),
        (r#","kid":"odd""#, &[""]),
        (r#""odd""#, &["null", "1"]),
        (r#""AQAB""#, &[r#""""#, "65537", r#""AQAA""#, r#""AQ""#, r#""AQAB==""#]),
        (r#","e":"AQAB""#, &[""]),
        // The third has 1032 bits.
        (&n, &["", "AQAB", &n[..172], &padded, &odd, &long]),
    ] {
        for to in to {
            assert_eq!(used_with(from, to), ["good"], "{from} -> {to}");
        }
    }
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let other = format!("[{}]", OTHER.jwk("b"));
    let entries = ["null", "[]", "1", r#""x""#, "{}", &deep, &KEY.jwk("good"), &other];
    assert_eq!(used(&key_set(&entries)), ["good"]);
    let good = KEY.jwk("a");
    for document in
        ["", "x", "[]", r#"{"keys":null}"#, &good, &format!("[{good}]"), &format!(r#"{{"keys":{good}}}"#)]
    {
        assert!(used(document).is_empty(), "{document}");
    }
    assert!(usable_keys(b"\xff").is_empty());
}
