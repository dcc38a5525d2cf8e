use std::time::{Duration, Instant};

use icp_ports::{Health, RepositoryError};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// For one look. Whoever comes during one waits for the next, and both together must not take 3 seconds.
const LIMIT: Duration = Duration::from_millis(1_400);

/// Looks one at a time, however many ask: strangers may, as often as they like.
#[derive(Debug, Default)]
pub(crate) struct Probing(Mutex<Option<(Instant, Health)>>);

impl Probing {
    /// What a look finds that began after it was asked for.
    pub(crate) async fn health(&self, look: impl Future<Output = Result<(), RepositoryError>>) -> Health {
        let asked = Instant::now();
        let looking = async {
            let mut last = self.0.lock().await;
            if let Some((_, health)) = last.filter(|(began, _)| *began >= asked) {
                return health;
            }
            let began = Instant::now();
            let health = match timeout(LIMIT, look).await {
                Ok(Ok(())) => Health::Ok,
                _ => Health::Unavailable,
            };
            *last = Some((began, health));
            health
        };
        timeout(LIMIT * 2, looking).await.unwrap_or(Health::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;
    use icp_ports::Health;

    use super::Probing;

    #[tokio::test]
    async fn many_who_ask_together_look_twice_at_the_most() {
        let (probing, looks) = (Probing::default(), AtomicUsize::new(0));
        let look = async || {
            looks.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(())
        };
        let found = join_all((0..50).map(|_| probing.health(look()))).await;
        assert!(found.iter().all(|health| *health == Health::Ok));
        assert!(looks.load(Ordering::Relaxed) <= 2);
        probing.health(look()).await;
        assert!(looks.load(Ordering::Relaxed) >= 2, "an earlier answer is not remembered");
    }
}
