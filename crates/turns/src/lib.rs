#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A semaphore for each key. Clones share them.
pub struct Turns<K> {
    at_once: usize,
    keys: Arc<Mutex<HashMap<K, Arc<Semaphore>>>>,
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// Gives each key this many turns at once.
    pub fn new(at_once: usize) -> Self {
        Self { at_once, keys: Arc::default() }
    }

    /// Waits for a turn. Requests for one key get their turns in the order in which they began to wait.
    pub async fn wait(&self, key: &K) -> Turn<K> {
        let (mut turn, semaphore) = self.begin(key);
        // No semaphore is ever closed.
        turn.permit = semaphore.acquire_owned().await.ok();
        turn
    }

    /// Takes a turn if nobody has to wait for it.
    pub fn take(&self, key: &K) -> Option<Turn<K>> {
        let (mut turn, semaphore) = self.begin(key);
        turn.permit = Some(semaphore.try_acquire_owned().ok()?);
        Some(turn)
    }

    /// From here on the semaphore is removed when nobody uses it any more, also if the caller stops waiting.
    fn begin(&self, key: &K) -> (Turn<K>, Arc<Semaphore>) {
        let new = || Arc::new(Semaphore::new(self.at_once));
        let semaphore = Arc::clone(self.lock().entry(key.clone()).or_insert_with(new));
        (Turn { turns: self.clone(), key: key.clone(), permit: None }, semaphore)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Semaphore>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn of one key, until this is dropped.
pub struct Turn<K: Clone + Eq + Hash> {
    turns: Turns<K>,
    key: K,
    permit: Option<OwnedSemaphorePermit>,
}

impl<K: Clone + Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        let mut keys = self.turns.lock();
        // Under the lock, so that the last one sees that it is the last.
        self.permit = None;
        if keys.get(&self.key).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            keys.remove(&self.key);
        }
    }
}

impl<K> Clone for Turns<K> {
    fn clone(&self) -> Self {
        Self { at_once: self.at_once, keys: Arc::clone(&self.keys) }
    }
}

impl<K> fmt::Debug for Turns<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Turns").field("at_once", &self.at_once).finish_non_exhaustive()
    }
}

impl<K: Clone + Eq + Hash> fmt::Debug for Turn<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Turn").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::Turns;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn key_has_its_turns_and_no_more() {
        let turns = Turns::new(2);
        let (first, _second) = (turns.wait(&"ada").await, turns.wait(&"ada").await);
        assert!(timeout(SHORT, turns.wait(&"ada")).await.is_err());
        assert!(turns.take(&"ada").is_none() && turns.take(&"bob").is_some(), "others have their own");
        drop(first);
        assert!(turns.take(&"ada").is_some());
    }

    #[tokio::test]
    async fn waiting_request_gets_turn_that_ends() {
        let turns = Turns::new(1);
        let first = turns.wait(&1).await;
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { drop(turns.wait(&1).await) }
        });
        tokio::task::yield_now().await;
        drop(first);
        timeout(SHORT, waiting).await.expect("it gets its turn").expect("no panic");
    }

    #[tokio::test]
    async fn unused_semaphores_are_removed() {
        let turns = Turns::new(1);
        let first = turns.wait(&1).await;
        assert!(timeout(SHORT, turns.wait(&1)).await.is_err());
        assert!(turns.take(&1).is_none());
        assert_eq!(turns.lock().len(), 1);
        drop(first);
        assert!(turns.lock().is_empty());
    }
}
