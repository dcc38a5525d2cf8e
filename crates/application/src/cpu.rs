//! Runs expensive work in separate threads, so that worker threads can serve other requests.

use std::num::NonZero;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::Duration;

use icp_domain::UserId;
use icp_permits::KeyedPermits;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::ServiceError;

/// The maximum length in bytes of a text that a worker thread parses. Longer texts are parsed in a separate thread. A
/// kilobyte with many violations takes up to a tenth of a millisecond.
pub(crate) const MAX_INLINE_TEXT_BYTES: usize = 2 * 1024;

/// Time limit of the wait for a thread.
const WAIT_LIMIT: Duration = Duration::from_secs(3);
/// Maximum number of running and waiting tasks of all users. Each task belongs to one request. The maximum is three
/// quarters of the default limit of requests in flight, so that a quarter is left to other requests.
const MAX_TASKS: usize = 192;
/// Maximum number of running and waiting tasks of one user.
const MAX_TASKS_PER_USER: usize = 32;

/// The threads for expensive work in this process: one per core, because more threads would only delay each other and
/// the workers.
pub(crate) static CPU_THREADS: LazyLock<CpuThreads> =
    LazyLock::new(|| CpuThreads::new(available_parallelism().map_or(1, NonZero::get)));

/// Limits how much expensive work runs at the same time, in threads of tokio. The work of a user occupies at most one
/// thread at a time, so that other users can use the rest.
pub(crate) struct CpuThreads {
    /// Permits for running tasks: one for each thread, and one for each user.
    threads: Arc<Semaphore>,
    running_by_user: KeyedPermits<UserId>,
    /// Permits for running and waiting tasks: of all users, and of each user.
    tasks: Arc<Semaphore>,
    tasks_by_user: KeyedPermits<UserId>,
}

/// Returns true if a body may be expensive to parse: if it is long, or if it may contain a regular expression, which
/// must be compiled. A body with `\u` counts as expensive, because escapes can hide the name of the filter.
pub(crate) fn is_expensive(body: &str) -> bool {
    body.len() > MAX_INLINE_TEXT_BYTES || body.contains("matchFieldWithRegex") || body.contains("\\u")
}

impl CpuThreads {
    fn new(threads: usize) -> Self {
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            running_by_user: KeyedPermits::new(1),
            tasks: Arc::new(Semaphore::new(MAX_TASKS)),
            tasks_by_user: KeyedPermits::new(MAX_TASKS_PER_USER),
        }
    }

    /// Runs the work of a user, in a separate thread if it is expensive.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Overloaded`] if too much work is queued or no thread becomes free in time.
    /// [`ServiceError::Internal`] if expensive work panicked. A panic of other work propagates to the caller.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        user: &UserId,
        is_expensive: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        if !is_expensive {
            return Ok(work());
        }
        let queued =
            self.tasks_by_user.try_acquire(user).zip(Arc::clone(&self.tasks).try_acquire_owned().ok());
        let queued = queued.ok_or(ServiceError::Overloaded)?;
        let waiting = async {
            (self.running_by_user.acquire(user).await, Arc::clone(&self.threads).acquire_owned().await)
        };
        let permits = timeout(WAIT_LIMIT, waiting).await.map_err(|_| ServiceError::Overloaded)?;
        // The work continues after its request has been dropped, so it owns its permits.
        let working = tokio::task::spawn_blocking(move || {
            let _permits = (permits, queued);
            work()
        });
        working.await.map_err(|error| ServiceError::Internal(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use futures_util::future::{join_all, poll_immediate};
    use icp_testkit::fixtures::user;

    use super::{CpuThreads, MAX_INLINE_TEXT_BYTES, MAX_TASKS_PER_USER, is_expensive};
    use crate::ServiceError;

    #[tokio::test]
    async fn user_takes_one_thread_at_a_time() {
        let cpu = CpuThreads::new(2);
        let (eve, ada) = (user("user_eve"), user("user_ada"));
        let (end, ended) = mpsc::channel::<()>();
        let mut first = Box::pin(cpu.run(&eve, true, move || ended.recv()));
        assert!(poll_immediate(&mut first).await.is_none(), "the first work must be running");
        let mut second = Box::pin(cpu.run(&eve, true, || ()));
        assert!(poll_immediate(&mut second).await.is_none(), "the user's second work must wait");
        let other = cpu.run(&ada, true, || 1).await;
        assert!(other.is_ok_and(|result| result == 1), "another user must get the second thread");
        assert!(poll_immediate(&mut second).await.is_none(), "the user's second work must still wait");
        end.send(()).expect("the work must still be waiting");
        assert!(first.await.is_ok() && second.await.is_ok());
    }

    #[tokio::test]
    async fn work_of_dropped_request_keeps_its_thread() {
        let cpu = CpuThreads::new(1);
        let (eve, ada) = (user("user_eve"), user("user_ada"));
        let (end, ended) = mpsc::channel::<()>();
        let mut first = Box::pin(cpu.run(&eve, true, move || ended.recv()));
        assert!(poll_immediate(&mut first).await.is_none(), "the first work must be running");
        drop(first);
        let mut second = Box::pin(cpu.run(&ada, true, || ()));
        assert!(poll_immediate(&mut second).await.is_none(), "the second work must wait");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(poll_immediate(&mut second).await.is_none(), "the dropped request must still use its thread");
        end.send(()).expect("the work must still be waiting");
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn queue_of_user_is_limited() {
        let cpu = CpuThreads::new(1);
        let eve = user("user_eve");
        let work = || std::thread::sleep(Duration::from_millis(1));
        let outcomes = join_all((0..40).map(|_| cpu.run(&eve, true, work))).await;
        let (done, rejected): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((done.len(), rejected.len()), (MAX_TASKS_PER_USER, 40 - MAX_TASKS_PER_USER));
        assert!(rejected.iter().all(|outcome| matches!(outcome, Err(ServiceError::Overloaded))));
        assert_eq!(cpu.tasks.available_permits(), super::MAX_TASKS, "all permits must be released");
    }

    #[test]
    fn long_bodies_and_regular_expressions_are_expensive() {
        let filters = [r#"{"type":"matchFieldWithRegex"}"#, r#"{"type":"match\u0046ieldWithRegex"}"#];
        for body in filters.into_iter().chain([" ".repeat(MAX_INLINE_TEXT_BYTES + 1).as_str()]) {
            assert!(is_expensive(body), "{body}");
        }
        for body in [r#"{"name":"SMB"}"#, " ".repeat(MAX_INLINE_TEXT_BYTES).as_str()] {
            assert!(!is_expensive(body), "{body}");
        }
    }
}
