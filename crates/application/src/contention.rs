//! Lets requests that change the same ICP wait for each other.

use std::time::Duration;

use icp_domain::IcpId;
use icp_permits::{KeyedPermit, KeyedPermits};
use tokio::time::{Instant, sleep, timeout_at};

use crate::ServiceError;

/// Maximum time that a change waits for other changes of the same ICP. Also the maximum time that a create waits for
/// other creates by the same user or with the same idempotency key.
pub(crate) const CONTENTION_TIMEOUT: Duration = Duration::from_secs(3);

/// The delay before the second attempt: about the duration of a write.
const MIN_DELAY: Duration = Duration::from_millis(2);
/// The maximum delay between two attempts.
const MAX_DELAY: Duration = Duration::from_millis(128);

/// One permit for each ICP: at most one request of this process changes an ICP at a time. Without permits, each request
/// would read the ICP again after every change by another request.
#[derive(Clone)]
pub(crate) struct ChangePermits(KeyedPermits<IcpId>);

/// The permit to change an ICP. After a change by another process, the request backs off and tries again.
pub(crate) struct ChangePermit {
    _permit: KeyedPermit<IcpId>,
    deadline: Instant,
    next_delay: Duration,
}

impl Default for ChangePermits {
    fn default() -> Self {
        Self(KeyedPermits::new(1))
    }
}

impl ChangePermits {
    /// Waits until the request may change the ICP.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Contended`] after [`CONTENTION_TIMEOUT`].
    pub(crate) async fn acquire(&self, id: IcpId) -> Result<ChangePermit, ServiceError> {
        let deadline = Instant::now() + CONTENTION_TIMEOUT;
        let permit = timeout_at(deadline, self.0.acquire(&id)).await.map_err(|_| ServiceError::Contended)?;
        Ok(ChangePermit { _permit: permit, deadline, next_delay: MIN_DELAY })
    }
}

impl ChangePermit {
    /// Waits before the next attempt. Each delay is twice as long as the previous delay, up to [`MAX_DELAY`], because
    /// the other write may be a long import.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Contended`] after [`CONTENTION_TIMEOUT`].
    pub(crate) async fn back_off(&mut self) -> Result<(), ServiceError> {
        if Instant::now() >= self.deadline {
            return Err(ServiceError::Contended);
        }
        sleep(self.next_delay).await;
        self.next_delay = (self.next_delay * 2).min(MAX_DELAY);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use icp_testkit::fixtures::id;

    use super::ChangePermits;

    #[tokio::test(start_paused = true)]
    async fn long_write_causes_few_attempts() {
        let permits = ChangePermits::default();
        let mut writer = permits.acquire(id(1)).await.expect("must not wait for another writer");
        let mut attempts = 0;
        while writer.back_off().await.is_ok() {
            attempts += 1;
        }
        assert!((10..40).contains(&attempts), "must make 10 to 39 attempts in three seconds, not {attempts}");
    }

    #[tokio::test(start_paused = true)]
    async fn only_writers_of_same_icp_wait() {
        let permits = ChangePermits::default();
        let _first = permits.acquire(id(1)).await.expect("must not wait for another writer");
        assert!(permits.acquire(id(1)).await.is_err(), "a second writer of the ICP must give up");
        assert!(permits.acquire(id(2)).await.is_ok(), "a writer of another ICP must not wait");
    }
}
