//! How fast a connection gets through what is asked on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use icp_ports::RepositoryError;

/// A new time counts for an eighth of what is expected.
const INERTIA: u64 = 8;
/// As how many times what was expected a time counts at the most, above a millisecond: a stall is over when it is noticed,
/// while a database that has become slow is slow again and again.
const SURPRISE: u64 = 16;
const MILLISECOND: u64 = 1_000_000;

/// A connection on which a statement has waited for so long in vain is taken for broken.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1_500);

/// Knows how long the next statement would wait for those before it.
pub(crate) struct Pace {
    start: Instant,
    /// Statements that wait or are under way.
    asked: AtomicUsize,
    /// What one takes, in nanoseconds.
    expected: AtomicU64,
    /// When the last one was through, in nanoseconds from the start.
    last: AtomicU64,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            asked: AtomicUsize::new(0),
            expected: AtomicU64::new(0),
            last: AtomicU64::new(0),
        }
    }

    /// How many wait or are under way.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// One more is asked. How long those before it will take.
    pub(crate) fn ask(&self) -> Duration {
        let ahead = self.asked.fetch_add(1, Ordering::Relaxed) as u64;
        Duration::from_nanos(self.expected.load(Ordering::Relaxed).saturating_mul(ahead))
    }

    /// For how long none has been answered.
    pub(crate) fn silence(&self) -> Duration {
        self.start.elapsed().saturating_sub(Duration::from_nanos(self.last.load(Ordering::Relaxed)))
    }

    /// One has come to its end, whatever that was.
    pub(crate) fn leave(&self) {
        self.asked.fetch_sub(1, Ordering::Relaxed);
    }

    /// One that was sent at `sent` was answered. As they are answered one after the other, it took the time from when the one
    /// before it was through, if that was later.
    pub(crate) fn answered(&self, sent: Instant) {
        self.answered_many(sent, 1);
    }

    /// So many that were sent together at `sent` were answered together.
    pub(crate) fn answered_many(&self, sent: Instant, count: usize) {
        let nanos = |time: Instant| {
            u64::try_from(time.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
        };
        let now = nanos(Instant::now());
        let began = self.last.swap(now, Ordering::Relaxed).max(nanos(sent));
        let expected = self.expected.load(Ordering::Relaxed);
        let most = expected.saturating_mul(SURPRISE).saturating_add(MILLISECOND);
        let took = (now.saturating_sub(began) / count.max(1) as u64).min(most);
        self.expected.store(expected - expected / INERTIA + took / INERTIA, Ordering::Relaxed);
    }

    /// Why there is no turn. That the database is busy shows in its going on: where nothing is answered, it is out of reach.
    pub(crate) fn refusal(&self) -> RepositoryError {
        if self.silence() > PATIENCE {
            RepositoryError::Unavailable("the database does not answer those who came before".into())
        } else {
            RepositoryError::Overloaded
        }
    }
}

/// One that waits or is under way, for as long as this is held.
pub(crate) struct Asked(Arc<Pace>);

impl Asked {
    /// And how long it will wait.
    pub(crate) fn on(pace: &Arc<Pace>) -> (Duration, Self) {
        (pace.ask(), Self(Arc::clone(pace)))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Pace;

    #[test]
    fn who_comes_later_waits_longer() {
        let pace = Pace::new();
        assert_eq!(pace.ask(), Duration::ZERO);
        for _ in 0..50 {
            let sent = Instant::now();
            std::thread::sleep(Duration::from_millis(2));
            pace.answered(sent);
        }
        let one = pace.ask();
        assert!((Duration::from_millis(1)..Duration::from_millis(20)).contains(&one), "{one:?}");
        assert!(pace.ask() > one);
        pace.leave();
        pace.leave();
        pace.leave();
        assert_eq!(pace.ask(), Duration::ZERO, "nobody is before it");
    }

    #[test]
    fn a_stall_turns_nobody_away() {
        let pace = Pace::new();
        let sent = Instant::now();
        std::thread::sleep(Duration::from_millis(300));
        pace.answered(sent);
        let waits = (0..16).map(|_| pace.ask());
        assert!(waits.max() < Some(Duration::from_millis(20)), "one does not make a habit");
    }

    #[test]
    fn those_that_were_under_way_together_do_not_each_count_the_whole_time() {
        let pace = Pace::new();
        let sent = Instant::now();
        std::thread::sleep(Duration::from_millis(80));
        for _ in 0..16 {
            pace.answered(sent);
        }
        pace.ask();
        assert!(pace.ask() < Duration::from_millis(10), "the first took the time, the others came with it");
    }
}
