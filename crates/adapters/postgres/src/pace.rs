//! How fast a connection gets through what is asked on it.

use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use icp_ports::RepositoryError;

/// Over how much time, in nanoseconds, what is expected is measured: what comes in bursts counts for what it takes on the
/// average.
const WINDOW: u64 = 100_000_000;
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
    present: Mutex<Window>,
}

/// What is being measured: so many took so long together, in nanoseconds.
#[derive(Default)]
struct Window {
    count: u64,
    took: u64,
    /// As how much that counts.
    counted: u64,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            asked: AtomicUsize::new(0),
            expected: AtomicU64::new(0),
            last: AtomicU64::new(0),
            present: Mutex::default(),
        }
    }

    /// How many wait or are under way.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// One more is asked, where so many are under way at once. How long it will wait for those before it.
    pub(crate) fn ask(&self, at_once: usize) -> Duration {
        let before = self.asked.fetch_add(1, Ordering::Relaxed);
        // How many of them must be through, so that there is room.
        let ahead = (before + 1).saturating_sub(at_once) as u64;
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
        let count = count.max(1) as u64;
        let most = expected.saturating_mul(SURPRISE).saturating_add(MILLISECOND).saturating_mul(count);
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.count += count;
        let took = now.saturating_sub(began);
        present.took += took;
        present.counted += took.min(most);
        if present.took >= WINDOW || expected == 0 {
            let Window { count, counted, .. } = mem::take(&mut *present);
            let measured = (counted / count).max(1);
            // The first is all that is known.
            let expected = if expected == 0 { measured } else { expected.midpoint(measured) };
            self.expected.store(expected, Ordering::Relaxed);
        }
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
    pub(crate) fn on(pace: &Arc<Pace>, at_once: usize) -> (Duration, Self) {
        (pace.ask(at_once), Self(Arc::clone(pace)))
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
        assert_eq!(pace.ask(1), Duration::ZERO);
        for _ in 0..200 {
            let sent = Instant::now();
            std::thread::sleep(Duration::from_millis(2));
            pace.answered(sent);
        }
        let one = pace.ask(1);
        assert!((Duration::from_millis(1)..Duration::from_millis(20)).contains(&one), "{one:?}");
        assert!(pace.ask(1) > one);
        pace.leave();
        pace.leave();
        pace.leave();
        assert_eq!(pace.ask(1), Duration::ZERO, "nobody is before it");
    }

    #[test]
    fn where_there_is_room_nobody_waits() {
        let pace = Pace::new();
        for _ in 0..3 {
            let sent = Instant::now();
            std::thread::sleep(Duration::from_millis(60));
            pace.answered(sent);
        }
        let waits: Vec<_> = (0..6).map(|_| pace.ask(4)).collect();
        assert_eq!(waits[..4], [Duration::ZERO; 4]);
        assert!(Duration::ZERO < waits[4] && waits[4] < waits[5], "{waits:?}");
    }

    #[test]
    fn a_stall_turns_nobody_away() {
        let pace = Pace::new();
        let sent = Instant::now();
        std::thread::sleep(Duration::from_millis(300));
        pace.answered(sent);
        let waits = (0..16).map(|_| pace.ask(1));
        assert!(waits.max() < Some(Duration::from_millis(20)), "one does not make a habit");
    }

    #[test]
    fn stalls_among_quick_answers_turn_nobody_away() {
        let pace = Pace::new();
        for _ in 0..20 {
            for _ in 0..50 {
                let sent = Instant::now();
                std::thread::sleep(Duration::from_micros(100));
                pace.answered(sent);
            }
            let sent = Instant::now();
            std::thread::sleep(Duration::from_millis(30));
            pace.answered(sent);
            let waits = (0..64).map(|_| pace.ask(1));
            assert!(waits.max() < Some(Duration::from_millis(400)), "it is a millisecond on the average");
            for _ in 0..64 {
                pace.leave();
            }
        }
    }

    #[test]
    fn a_database_that_has_become_slow_is_known_soon() {
        let pace = Pace::new();
        let answered_after = |time| {
            let sent = Instant::now();
            std::thread::sleep(time);
            pace.answered(sent);
        };
        for _ in 0..100 {
            answered_after(Duration::from_micros(500));
        }
        for _ in 0..12 {
            answered_after(Duration::from_millis(80));
        }
        pace.ask(1);
        assert!(pace.ask(1) > Duration::from_millis(40));
    }

    #[test]
    fn those_that_were_under_way_together_do_not_each_count_the_whole_time() {
        let pace = Pace::new();
        let sent = Instant::now();
        std::thread::sleep(Duration::from_millis(80));
        for _ in 0..16 {
            pace.answered(sent);
        }
        pace.ask(1);
        assert!(pace.ask(1) < Duration::from_millis(10), "the first took the time, the others came with it");
    }
}
