#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A semaphore for each key. Clones share the semaphores.
pub struct KeyedPermits<K> {
    permits: usize,
    keys: Arc<Mutex<HashMap<K, Arc<Semaphore>>>>,
}

impl<K: Clone + Eq + Hash> KeyedPermits<K> {
    /// Creates semaphores with this number of permits for each key.
    pub fn new(permits: usize) -> Self {
        Self { permits, keys: Arc::default() }
    }

    /// Waits for a permit. Requests for one key get permits in the order in which they began to wait.
    pub async fn acquire(&self, key: &K) -> KeyedPermit<K> {
        let (mut permit, semaphore) = self.begin(key);
        // The semaphores are never closed.
        permit.permit = semaphore.acquire_owned().await.ok();
        permit
    }

    /// Returns a permit if one is available.
    pub fn try_acquire(&self, key: &K) -> Option<KeyedPermit<K>> {
        let (mut permit, semaphore) = self.begin(key);
        permit.permit = Some(semaphore.try_acquire_owned().ok()?);
        Some(permit)
    }

    /// Returns the semaphore of a key, and a guard that removes the semaphore when it is unused. The guard also works
    /// if the caller stops waiting for a permit.
    fn begin(&self, key: &K) -> (KeyedPermit<K>, Arc<Semaphore>) {
        let new = || Arc::new(Semaphore::new(self.permits));
        let semaphore = Arc::clone(self.lock().entry(key.clone()).or_insert_with(new));
        (KeyedPermit { owner: self.clone(), key: key.clone(), permit: None }, semaphore)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Semaphore>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit of one key. The permit is released when this value is dropped.
pub struct KeyedPermit<K: Clone + Eq + Hash> {
    owner: KeyedPermits<K>,
    key: K,
    permit: Option<OwnedSemaphorePermit>,
}

impl<K: Clone + Eq + Hash> Drop for KeyedPermit<K> {
    fn drop(&mut self) {
        let mut keys = self.owner.lock();
        // The permit is released while the map is locked, so that the last guard of a key sees that it is the last.
        self.permit = None;
        if keys.get(&self.key).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            keys.remove(&self.key);
        }
    }
}

impl<K> Clone for KeyedPermits<K> {
    fn clone(&self) -> Self {
        Self { permits: self.permits, keys: Arc::clone(&self.keys) }
    }
}

impl<K> fmt::Debug for KeyedPermits<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyedPermits").field("permits", &self.permits).finish_non_exhaustive()
    }
}

impl<K: Clone + Eq + Hash> fmt::Debug for KeyedPermit<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyedPermit").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::KeyedPermits;

    const SHORT_TIMEOUT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn permits_of_key_are_limited() {
        let permits = KeyedPermits::new(2);
        let (first, _second) = (permits.acquire(&"ada").await, permits.acquire(&"ada").await);
        assert!(timeout(SHORT_TIMEOUT, permits.acquire(&"ada")).await.is_err());
        assert!(
            permits.try_acquire(&"ada").is_none() && permits.try_acquire(&"bob").is_some(),
            "the permits of another key must be available"
        );
        drop(first);
        assert!(permits.try_acquire(&"ada").is_some());
    }

    #[tokio::test]
    async fn waiting_request_gets_released_permit() {
        let permits = KeyedPermits::new(1);
        let first = permits.acquire(&1).await;
        let waiting = tokio::spawn({
            let permits = permits.clone();
            async move { drop(permits.acquire(&1).await) }
        });
        tokio::task::yield_now().await;
        drop(first);
        timeout(SHORT_TIMEOUT, waiting).await.expect("must get the permit").expect("the task must not panic");
    }

    #[tokio::test]
    async fn unused_semaphores_are_removed() {
        let permits = KeyedPermits::new(1);
        let first = permits.acquire(&1).await;
        assert!(timeout(SHORT_TIMEOUT, permits.acquire(&1)).await.is_err());
        assert!(permits.try_acquire(&1).is_none());
        assert_eq!(permits.lock().len(), 1);
        drop(first);
        assert!(permits.lock().is_empty());
    }
}
