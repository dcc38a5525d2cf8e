//! What depends on time, with a clock that only moves when all else has come to rest.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use icp_ports::Health;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, advance, sleep};

use super::NoKey;
use super::fetch::{Fetch, FetchError};
use super::handle::KeySetHandle;
use super::rsa_for_tests::{KEY, OTHER, key_set};

const LIFETIME: Duration = Duration::from_mins(5);
const COOLDOWN: Duration = Duration::from_secs(10);
/// As fine as tokio's timers are.
const INSTANT: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);

/// An endpoint that answers as it is told.
#[derive(Clone)]
struct Endpoint(Arc<Mutex<State>>);

struct State {
    document: Result<String, u16>,
    delay: Duration,
    fetches: Vec<Instant>,
}

impl Endpoint {
    fn new(document: Result<String, u16>) -> Self {
        Self(Arc::new(Mutex::new(State { document, delay: Duration::ZERO, fetches: Vec::new() })))
    }

    fn good() -> Self {
        Self::new(Ok(one_key()))
    }

    fn answer(&self, document: Result<String, u16>) {
        self.0.lock().unwrap().document = document;
    }

    fn delay(&self, delay: Duration) {
        self.0.lock().unwrap().delay = delay;
    }

    fn fetches(&self) -> usize {
        self.0.lock().unwrap().fetches.len()
    }

    /// The pauses between one fetch and the next.
    fn pauses(&self) -> Vec<Duration> {
        self.0.lock().unwrap().fetches.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    fn start(&self) -> Arc<KeySetHandle> {
        self.start_with(LIFETIME, COOLDOWN)
    }

    fn start_with(&self, lifetime: Duration, cooldown: Duration) -> Arc<KeySetHandle> {
        Arc::new(KeySetHandle::start_with(self.clone(), &Handle::current(), lifetime, cooldown))
    }
}

impl Fetch for Endpoint {
    async fn fetch(&mut self) -> Result<Vec<u8>, FetchError> {
        let (document, delay) = {
            let mut state = self.0.lock().unwrap();
            state.fetches.push(Instant::now());
            (state.document.clone(), state.delay)
        };
        sleep(delay).await;
        document.map(String::into_bytes).map_err(FetchError::Status)
    }
}

fn one_key() -> String {
    key_set(&[&KEY.jwk("key_1")])
}

fn two_keys() -> String {
    key_set(&[&KEY.jwk("key_1"), &OTHER.jwk("key_2")])
}

async fn found(set: &KeySetHandle, kid: &str) -> Result<(), NoKey> {
    set.find(kid).await.map(drop)
}

/// So many tokens with one key at once.
fn storm(set: &Arc<KeySetHandle>, count: usize, kid: &'static str) -> JoinSet<Result<(), NoKey>> {
    let one = |set: Arc<KeySetHandle>| async move { found(&set, kid).await };
    (0..count).map(|_| one(Arc::clone(set))).collect()
}

async fn all(tokens: JoinSet<Result<(), NoKey>>, expected: Result<(), NoKey>) {
    assert!(tokens.join_all().await.iter().all(|verdict| *verdict == expected));
}

#[tokio::test(start_paused = true)]
async fn a_start_under_load_is_one_fetch() {
    let endpoint = Endpoint::good();
    endpoint.delay(Duration::from_secs(2));
    let set = endpoint.start();
    let (known, unknown) = (storm(&set, 1_000, "key_1"), storm(&set, 1_000, "key_x"));
    all(known, Ok(())).await;
    all(unknown, Err(NoKey::Unknown)).await;
    assert_eq!(endpoint.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_unknown_keys_is_one_fetch() {
    let endpoint = Endpoint::good();
    let set = endpoint.start();
    assert_eq!(found(&set, "key_1").await, Ok(()));
    advance(COOLDOWN).await;
    endpoint.delay(Duration::from_secs(1));
    all(storm(&set, 1_000, "key_x"), Err(NoKey::Unknown)).await;
    all(storm(&set, 1_000, "key_y"), Err(NoKey::Unknown)).await;
    assert_eq!(endpoint.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_storm_is_one_fetch_though_that_takes_longer_than_the_cooldown() {
    let endpoint = Endpoint::good();
    endpoint.delay(Duration::from_secs(2));
    let set = endpoint.start_with(LIFETIME, Duration::ZERO);
    all(storm(&set, 1_000, "key_x"), Err(NoKey::Unknown)).await;
    assert_eq!(endpoint.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_fetches_once_in_the_cooldown() {
    let endpoint = Endpoint::good();
    let set = endpoint.start();
    assert_eq!(found(&set, "key_1").await, Ok(()));
    advance(COOLDOWN.saturating_sub(INSTANT)).await;
    endpoint.answer(Ok(two_keys()));
    assert_eq!(found(&set, "key_2").await, Err(NoKey::Unknown));
    assert_eq!(endpoint.fetches(), 1);
    advance(INSTANT).await;
    assert_eq!(found(&set, "key_2").await, Ok(()));
    assert_eq!(found(&set, "key_3").await, Err(NoKey::Unknown));
    assert_eq!(endpoint.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn failures_count_for_the_cooldown() {
    let endpoint = Endpoint::good();
    let set = endpoint.start();
    assert_eq!(found(&set, "key_1").await, Ok(()));
    endpoint.answer(Err(500));
    for _ in 0..50 {
        advance(Duration::from_secs(1)).await;
        assert_eq!(found(&set, "key_x").await, Err(NoKey::Unknown));
        assert_eq!(found(&set, "key_1").await, Ok(()), "a failure wipes nothing");
    }
    assert_eq!(endpoint.fetches(), 6);
    assert!(endpoint.pauses().iter().all(|pause| *pause >= COOLDOWN));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_in_progress_holds_up_no_known_key() {
    let endpoint = Endpoint::good();
    let set = endpoint.start();
    assert_eq!(found(&set, "key_1").await, Ok(()));
    advance(COOLDOWN).await;
    endpoint.delay(HOUR);
    let unknown = storm(&set, 1, "key_x");
    yield_now().await;
    yield_now().await;
    assert_eq!(endpoint.fetches(), 2, "it is in progress");
    let begun = Instant::now();
    all(storm(&set, 100, "key_1"), Ok(())).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    all(unknown, Err(NoKey::Unknown)).await;
}

#[tokio::test(start_paused = true)]
async fn a_fetch_ends_after_three_seconds() {
    let endpoint = Endpoint::good();
    endpoint.delay(HOUR);
    let set = endpoint.start();
    let begun = Instant::now();
    assert_eq!(found(&set, "key_1").await, Err(NoKey::Unavailable));
    assert_eq!(begun.elapsed().as_secs(), 3);
    assert_eq!(set.health(), Health::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_answered_though_the_fetcher_has_died() {
    let set = Endpoint::good().start();
    assert_eq!(found(&set, "key_1").await, Ok(()));
    set.stop();
    yield_now().await;
    assert_eq!(found(&set, "key_1").await, Ok(()));
    assert_eq!(found(&set, "key_x").await, Err(NoKey::Unknown));
}

#[tokio::test(start_paused = true)]
async fn the_set_is_refreshed_before_it_ends() {
    let endpoint = Endpoint::good();
    let set = endpoint.start();
    assert_eq!(found(&set, "key_1").await, Ok(()));
    for second in 0..3_600 {
        assert_eq!(set.health(), Health::Ok, "after {second} s");
        sleep(Duration::from_secs(1)).await;
    }
    assert!((12..=16).contains(&endpoint.fetches()), "{}", endpoint.fetches());
}

#[tokio::test(start_paused = true)]
async fn a_removed_key_is_gone_within_the_lifetime() {
    let endpoint = Endpoint::new(Ok(two_keys()));
    let set = endpoint.start();
    let key = set.find("key_1").await.unwrap();
    let removed = set.find("key_2").await.unwrap();
    endpoint.answer(Ok(one_key()));
    sleep(LIFETIME).await;
    assert!(!set.holds(&removed));
    assert!(set.holds(&key), "the one that stays is the same object");
    assert_eq!(found(&set, "key_2").await, Err(NoKey::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_goes_to_another_key_is_another_key() {
    let endpoint = Endpoint::good();
    let set = endpoint.start();
    let old = set.find("key_1").await.unwrap();
    endpoint.answer(Ok(key_set(&[&OTHER.jwk("key_1"), &KEY.jwk("key_2")])));
    sleep(LIFETIME).await;
    assert!(!set.holds(&old));
    assert!(set.holds(&set.find("key_1").await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn the_last_good_set_serves_for_24_hours_and_no_longer() {
    let endpoint = Endpoint::good();
    let set = endpoint.start();
    let key = set.find("key_1").await.unwrap();
    endpoint.answer(Ok("{}".to_owned()));
    sleep(LIFETIME).await;
    assert_eq!(set.health(), Health::Ok);
    sleep(INSTANT).await;
    assert_eq!(set.health(), Health::Stale);
    sleep((24 * HOUR).saturating_sub(LIFETIME + 2 * INSTANT)).await;
    assert_eq!(set.health(), Health::Stale);
    assert_eq!(found(&set, "key_1").await, Ok(()));
    assert_eq!(found(&set, "key_x").await, Err(NoKey::Unknown));
    assert!(set.holds(&key));
    sleep(2 * INSTANT).await;
    assert_eq!(set.health(), Health::Unavailable);
    assert_eq!(found(&set, "key_1").await, Err(NoKey::Unavailable));
    assert_eq!(found(&set, "key_x").await, Err(NoKey::Unavailable));
    assert!(!set.holds(&key), "what it verified is forgotten with it");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_tried_each_cooldown_and_heals() {
    let endpoint = Endpoint::new(Err(503));
    let set = endpoint.start();
    sleep(5 * COOLDOWN + INSTANT).await;
    assert_eq!(set.health(), Health::Unavailable);
    assert_eq!(endpoint.pauses().len(), 5);
    endpoint.answer(Ok(one_key()));
    sleep(COOLDOWN).await;
    assert_eq!(set.health(), Health::Ok);
    assert_eq!(found(&set, "key_1").await, Ok(()));
    assert!(endpoint.pauses().iter().all(|pause| *pause >= COOLDOWN));
}

#[tokio::test(start_paused = true)]
async fn a_background_fetch_counts_for_the_cooldown() {
    let endpoint = Endpoint::good();
    let set = endpoint.start();
    sleep(LIFETIME).await;
    let before = endpoint.fetches();
    assert_eq!(before, 2);
    // The last one was at four fifths of the lifetime, a minute ago; then the next comes by itself.
    sleep(LIFETIME / 5 * 3 + Duration::from_secs(1)).await;
    assert_eq!(endpoint.fetches(), 3);
    assert_eq!(found(&set, "key_x").await, Err(NoKey::Unknown));
    assert_eq!(endpoint.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn settings_of_zero_or_beyond_measure_do_no_harm() {
    let hasty = Endpoint::good();
    let set = hasty.start_with(Duration::ZERO, Duration::ZERO);
    sleep(Duration::from_secs(1)).await;
    assert!(hasty.fetches() <= 11, "{}", hasty.fetches());
    drop(set);
    let patient = Endpoint::good();
    let set = patient.start_with(Duration::MAX, Duration::MAX);
    sleep(25 * HOUR).await;
    assert_eq!(set.health(), Health::Ok);
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_its_handle() {
    let endpoint = Endpoint::good();
    endpoint.delay(HOUR);
    let set = endpoint.start();
    yield_now().await;
    assert_eq!(Arc::strong_count(&endpoint.0), 2, "it is in the middle of a fetch");
    drop(set);
    yield_now().await;
    assert_eq!(Arc::strong_count(&endpoint.0), 1);
}
