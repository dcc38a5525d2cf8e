use std::time::Duration;

use icp_domain::IcpId;
use icp_permits::{KeyedPermit, KeyedPermits};
use tokio::time::{Instant, sleep, timeout_at};

use crate::ServiceError;

/// The time for which a request tries to write an ICP that other requests also write.
pub(crate) const RETRY_LIMIT: Duration = Duration::from_secs(3);

/// The wait before the second attempt: about the duration of a write.
const MIN_WAIT: Duration = Duration::from_millis(2);
/// The maximum wait between two attempts.
const MAX_WAIT: Duration = Duration::from_millis(128);

/// Permits that let one request at a time change an ICP. Without them, each request would read the ICP again after
/// every change by another request.
#[derive(Clone)]
pub(crate) struct Writers(KeyedPermits<IcpId>);

/// The attempts of a request that has the permit to change an ICP. After a change by another process, the request waits
/// and tries again.
pub(crate) struct Attempts {
    _permit: KeyedPermit<IcpId>,
    deadline: Instant,
    wait: Duration,
}

impl Default for Writers {
    fn default() -> Self {
        Self(KeyedPermits::new(1))
    }
}

impl Writers {
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
    /// Waits before the next attempt. Each wait is twice as long as the previous wait, because the other write may be a
    /// long import.
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

    use super::Writers;

    #[tokio::test(start_paused = true)]
    async fn long_write_causes_few_attempts() {
        let mut writer = Writers::default().acquire(id(1)).await.expect("must not wait for another writer");
        let mut attempts = 0;
        while writer.wait().await.is_ok() {
            attempts += 1;
        }
        assert!((10..40).contains(&attempts), "must make 10 to 39 attempts in three seconds, not {attempts}");
    }

    #[tokio::test(start_paused = true)]
    async fn writers_of_other_icps_do_not_wait() {
        let writers = Writers::default();
        let _first = writers.acquire(id(1)).await.expect("must not wait for another writer");
        assert!(writers.acquire(id(1)).await.is_err(), "a second writer of the ICP gives up");
        assert!(writers.acquire(id(2)).await.is_ok(), "a writer of another ICP must not wait");
    }
}
