use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::ServiceError;

/// How long a request repeats a write that other requests prevent.
pub(crate) const RETRY_LIMIT: Duration = Duration::from_secs(3);

/// About the duration of a write.
const FIRST_WAIT: Duration = Duration::from_millis(2);
const MAX_WAIT: Duration = Duration::from_millis(128);

/// The waits between attempts to write an ICP that other requests write too.
///
/// Each wait is twice as long as the one before it: a write can take as long as an import, and every attempt reads the ICP
/// again.
pub(crate) struct Contention {
    deadline: Instant,
    wait: Duration,
}

impl Contention {
    pub(crate) fn new() -> Self {
        Self { deadline: Instant::now() + RETRY_LIMIT, wait: FIRST_WAIT }
    }

    /// Waits before the next attempt.
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
    use super::Contention;

    #[tokio::test(start_paused = true)]
    async fn long_write_causes_few_attempts() {
        let mut contention = Contention::new();
        let mut attempts = 0;
        while contention.wait().await.is_ok() {
            attempts += 1;
        }
        assert!((10..40).contains(&attempts), "{attempts} attempts in three seconds");
    }
}
