use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::document;
use super::fetch::{Fetch, FetchError};
use super::store::Store;

/// Over the whole of a fetch: from the connection's first packet to the last byte of the body.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(3);
/// Keeps a lifetime or cooldown of zero from becoming a busy loop.
const LEAST_PAUSE: Duration = Duration::from_millis(100);
/// Keeps one beyond all measure from overflowing the clock.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// Somebody who wants to look at the key set again once a fetch has ended, or is not to be had.
pub(super) type Asker = oneshot::Sender<()>;

/// The one who fetches: one task, so that there is one fetch at a time, however many ask.
pub(super) struct Refresher<F> {
    fetch: F,
    store: Arc<Store>,
    askers: UnboundedReceiver<Asker>,
    lifetime: Duration,
    cooldown: Duration,
    last_attempt: Option<Instant>,
    /// When to fetch without being asked.
    due: Instant,
    failing: bool,
}

impl<F: Fetch> Refresher<F> {
    pub(super) fn new(
        fetch: F,
        store: Arc<Store>,
        askers: UnboundedReceiver<Asker>,
        lifetime: Duration,
        cooldown: Duration,
    ) -> Self {
        let due = Instant::now();
        Self { fetch, store, askers, lifetime, cooldown, last_attempt: None, due, failing: true }
    }

    /// Runs until nobody is left to ask.
    pub(super) async fn run(mut self) {
        loop {
            tokio::select! {
                () = sleep_until(self.due) => self.refresh().await,
                asker = self.askers.recv() => match asker {
                    Some(asker) => self.answer(asker).await,
                    None => return,
                },
            }
        }
    }

    async fn answer(&mut self, asker: Asker) {
        if self.last_attempt.is_none_or(|attempt| attempt.elapsed() >= self.cooldown) {
            self.refresh().await;
        }
        release(asker);
    }

    async fn refresh(&mut self) {
        let attempt = Instant::now();
        // Before it begins, so that failures count as well.
        self.last_attempt = Some(attempt);
        let outcome = self.fetch_keys(attempt).await;
        let pause = if outcome.is_ok() { self.lifetime / 5 * 4 } else { self.cooldown };
        self.due = attempt + pause.clamp(LEAST_PAUSE, LONGEST_PAUSE);
        self.report(&outcome);
        // This fetch is the answer to all who asked while it ran; were each to begin another, a storm of
        // unknown keys would be a storm of fetches wherever a fetch takes longer than the cooldown.
        while let Ok(asker) = self.askers.try_recv() {
            release(asker);
        }
    }

    async fn fetch_keys(&mut self, attempt: Instant) -> Result<usize, FetchError> {
        let document = timeout(TIME_LIMIT, self.fetch.fetch()).await.map_err(|_| FetchError::Timeout)??;
        let keys = document::read(&document, &self.store.keys());
        if keys.is_empty() {
            return Err(FetchError::NoUsableKey);
        }
        let count = keys.len();
        self.store.replace(keys, attempt);
        Ok(count)
    }

    fn report(&mut self, outcome: &Result<usize, FetchError>) {
        match outcome {
            Ok(keys) if self.failing => tracing::info!(keys, "fetched the key set"),
            Ok(keys) => tracing::debug!(keys, "fetched the key set again"),
            Err(error) => tracing::warn!(%error, "could not fetch the key set"),
        }
        self.store.count_fetch(outcome.is_ok());
        self.failing = outcome.is_err();
    }
}

fn release(asker: Asker) {
    // An asker who has gone away misses nothing.
    let _ = asker.send(());
}
