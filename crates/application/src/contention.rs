use std::time::Duration;

use icp_domain::IcpId;
use icp_permits::{KeyedPermit, KeyedPermits};
use tokio::time::{Instant, sleep, timeout_at};

use crate::ServiceError;

/// The time for which a request waits for other requests that write the same ICP. It is also the time for which a
/// create waits for other creates of the same user or with the same key.
pub(crate) const RETRY_LIMIT: Duration = Duration::from_secs(3);

/// The wait before the second attempt: about the duration of a write.
const MIN_WAIT: Duration = Duration::from_millis(2);
/// The maximum wait between two attempts.
const MAX_WAIT: Duration = Duration::from_millis(128);

/// Permits that let one request of this process at a time change an ICP. Without them, each request would read the ICP
/// again after every change by another request.
#[derive(Clone)]
pub(crate) struct ChangePermits(KeyedPermits<IcpId>);

/// The attempts of a request that has the permit to change an ICP. After a change by another process, the request waits
/// and tries again.
pub(crate) struct Attempts {
    _permit: KeyedPermit<IcpId>,
    deadline: Instant,
    wait: Duration,
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
    /// [`ServiceError::Contended`] after [`RETRY_LIMIT`].
    pub(crate) async fn acquire(&self, id: IcpId) -> Result<Attempts, ServiceError> {
        let deadline = Instant::now() + RETRY_LIMIT;
        let permit = timeout_at(deadline, self.0.acquire(&id)).await.map_err(|_| ServiceError::Contended)?;
        Ok(Attempts { _permit: permit, deadline, wait: MIN_WAIT })
    }
}

impl Attempts {
    /// Waits before the next attempt. Each wait is twice as long as the previous wait, up to [`MAX_WAIT`], because the
    /// other write may be a long import.
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

#[cfg(test)]
mod tests {
    use icp_testkit::fixtures::id;

    use super::ChangePermits;

    #[tokio::test(start_paused = true)]
    async fn long_write_causes_few_attempts() {
        let permits = ChangePermits::default();
        let mut writer = permits.acquire(id(1)).await.expect("must not wait for another writer");
        let mut attempts = 0;
        while writer.wait().await.is_ok() {
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
