use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use icp_domain::IcpId;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep, timeout_at};

use crate::ServiceError;

/// How long a request tries to write an ICP that other requests write too.
pub(crate) const RETRY_LIMIT: Duration = Duration::from_secs(3);

/// About the duration of a write.
const FIRST_WAIT: Duration = Duration::from_millis(2);
const MAX_WAIT: Duration = Duration::from_millis(128);

/// The queues of requests that change the same ICP. Without them, each would read the ICP again after every change by another.
#[derive(Clone, Default)]
pub(crate) struct Queues(Arc<Mutex<HashMap<IcpId, Queue>>>);

type Queue = Arc<tokio::sync::Mutex<()>>;

/// One request's turn to change an ICP. The requests of other processes are not in the queue: when one of them has changed the
/// ICP, the request waits and tries again.
pub(crate) struct Turn {
    queues: Queues,
    id: IcpId,
    lock: Option<OwnedMutexGuard<()>>,
    deadline: Instant,
    wait: Duration,
}

impl Queues {
    /// Waits until it is the request's turn.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Contended`] after [`RETRY_LIMIT`].
    pub(crate) async fn wait(&self, id: IcpId) -> Result<Turn, ServiceError> {
        let deadline = Instant::now() + RETRY_LIMIT;
        let queue = Arc::clone(self.lock().entry(id).or_default());
        // From here on the queue is removed when nobody is left in it, also if this request is dropped.
        let mut turn = Turn { queues: self.clone(), id, lock: None, deadline, wait: FIRST_WAIT };
        let lock = timeout_at(deadline, queue.lock_owned()).await;
        turn.lock = Some(lock.map_err(|_| ServiceError::Contended)?);
        Ok(turn)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IcpId, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Waits before the next attempt. Each wait is twice as long as the one before it: a write can take as long as an import.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Contended`] after [`RETRY_LIMIT`].
    pub(crate) async fn wait(&mut self) -> Result<(), ServiceError> {
        if Instant::now() >= self.deadline {
            return Err(ServiceError::Contended);
        }
        sleep(self.wait).await;
        self.wait = (self.wait * 2).min(MAX_WAIT);
        Ok(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.lock = None;
        let mut queues = self.queues.lock();
        if queues.get(&self.id).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use icp_testkit::fixtures::id;

    use super::Queues;

    #[tokio::test(start_paused = true)]
    async fn long_write_causes_few_attempts() {
        let mut turn = Queues::default().wait(id(1)).await.expect("the queue is empty");
        let mut attempts = 0;
        while turn.wait().await.is_ok() {
            attempts += 1;
        }
        assert!((10..40).contains(&attempts), "{attempts} attempts in three seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn queue_is_removed_when_empty() {
        let queues = Queues::default();
        let first = queues.wait(id(1)).await.expect("the queue is empty");
        assert!(queues.wait(id(1)).await.is_err(), "the first one takes too long");
        let _other = queues.wait(id(2)).await.expect("another ICP has another queue");
        drop(first);
        assert_eq!(queues.lock().keys().collect::<Vec<_>>(), [&id(2)]);
    }
}
