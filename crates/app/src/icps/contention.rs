use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{PATIENCE, Refusal};

/// About the duration of a write.
const FIRST_WAIT: Duration = Duration::from_millis(2);
const LONGEST_WAIT: Duration = Duration::from_millis(128);

/// Repeats of a write that other writers come in between.
///
/// Each wait is twice as long as the one before it: a write can take as long as an import, and every repeat reads the ICP
/// again.
pub(super) struct Contention {
    deadline: Instant,
    wait: Duration,
}

impl Contention {
    pub(super) fn new() -> Self {
        Self { deadline: Instant::now() + PATIENCE, wait: FIRST_WAIT }
    }

    /// Waits before the next repeat, unless the time is over.
    pub(super) async fn wait(&mut self) -> Result<(), Refusal> {
        if Instant::now() >= self.deadline {
            return Err(Refusal::Contended);
        }
        sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Contention;

    #[tokio::test(start_paused = true)]
    async fn repeats_are_few_while_write_takes_long() {
        let mut contention = Contention::new();
        let mut repeats = 0;
        while contention.wait().await.is_ok() {
            repeats += 1;
        }
        assert!((10..40).contains(&repeats), "{repeats} repeats in three seconds");
    }
}
