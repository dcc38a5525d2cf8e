//! Threads that run statements, and the queue of their jobs. Separate threads are necessary because SQLite blocks its
//! caller.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use icp_domain::UserId;
use icp_permits::{KeyedPermit, KeyedPermits};
use icp_ports::RepositoryError;
use icp_storage::VersionCache;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::connect::{Access, DatabaseFile};
use crate::error::{TransactionError, backend, unavailable};

/// Maximum number of queued jobs. Further jobs are rejected.
pub(crate) const MAX_QUEUED_JOBS: usize = 1_000;

/// Maximum time of a job in the queue. A job that has waited longer does not start, and its caller receives an error.
pub(crate) const MAX_QUEUE_TIME: Duration = Duration::from_secs(2);

/// A queued job. A thread calls it with the session of the thread, or with the error if no session can be opened or the
/// database file was deleted or replaced.
type QueuedJob = Box<dyn FnOnce(Result<&mut Session, RepositoryError>) + Send>;

/// The resources of a running job.
pub(crate) struct Job<'a> {
    pub(crate) session: &'a mut Session,
    /// Returns true if the caller no longer waits for the result.
    pub(crate) is_abandoned: &'a dyn Fn() -> bool,
    /// The permit for a long read, if the job reads a list of a user.
    pub(crate) long_read: Option<LongRead>,
}

/// The permit that a job needs to read more than a short list of a user. The job acquires it while it reads, because
/// only then is it known that the list is long.
pub(crate) struct LongRead {
    pub(crate) permits: KeyedPermits<UserId>,
    pub(crate) user_id: UserId,
    pub(crate) runtime: Handle,
    pub(crate) permit: Option<KeyedPermit<UserId>>,
}

impl LongRead {
    /// Waits until no other job reads a long list of the user. Does nothing if this job already has the permit.
    pub(crate) fn begin(&mut self) {
        let Self { permits, user_id, runtime, permit } = self;
        permit.get_or_insert_with(|| runtime.block_on(permits.acquire(user_id)));
    }
}

/// A fixed number of threads, each with its own connection. The threads end when the last clone of the pool is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    queue: SyncSender<QueuedJob>,
    run_timeout: Duration,
}

impl Pool {
    /// Starts the threads. Each thread opens its connection when it runs its first job.
    pub(crate) fn start(
        file: &Arc<DatabaseFile>,
        access: Access,
        threads: usize,
        run_timeout: Duration,
    ) -> std::io::Result<Self> {
        let (queue, queued) = sync_channel(MAX_QUEUED_JOBS);
        let queued = Arc::new(Mutex::new(queued));
        for _ in 0..threads.max(1) {
            let (file, queued) = (Arc::clone(file), Arc::clone(&queued));
            thread::Builder::new()
                .name("sqlite".to_owned())
                .spawn(move || run_jobs(&file, access, &queued))?;
        }
        Ok(Self { queue, run_timeout })
    }

    /// Runs `work` on one of the threads. Skips `work` if the caller has stopped waiting before it starts. Work that
    /// has started is not interrupted.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Job<'_>) -> Result<T, TransactionError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let timed_out = || unavailable("the database did not respond in time");
        let (reply, received) = oneshot::channel();
        let start = Instant::now();
        let work = move |session: Result<&mut Session, RepositoryError>| {
            let result = match session {
                _ if reply.is_closed() => return,
                Ok(_) if start.elapsed() > MAX_QUEUE_TIME => Err(timed_out()),
                Ok(session) => {
                    let mut job = Job { session, is_abandoned: &|| reply.is_closed(), long_read: None };
                    work(&mut job).map_err(|TransactionError(error)| error)
                }
                Err(error) => Err(error),
            };
            let _ = reply.send(result);
        };
        // The threads end only after the pool was dropped. So `try_send` fails only if the queue is full.
        self.queue.try_send(Box::new(work)).map_err(|_| RepositoryError::Overloaded)?;
        let received = timeout(self.run_timeout, received).await.map_err(|_| timed_out())?;
        received.map_err(backend)? // The job panicked.
    }
}

fn run_jobs(file: &DatabaseFile, access: Access, queued: &Mutex<Receiver<QueuedJob>>) {
    // In a separate closure, the lock is released when the closure returns. A `while let` would hold the lock during
    // the job.
    let next = || queued.lock().unwrap_or_else(PoisonError::into_inner).recv();
    let mut session = None;
    while let Ok(work) = next() {
        let run = || {
            let opened = match &mut session {
                Some(session) => Ok(session),
                none => Session::open(file, access).map(|opened| none.insert(opened)),
            };
            work(file.check().and(opened));
        };
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            session = None; // The job may have left a transaction open.
        }
    }
}

/// The connection of a thread, and the state of its list reads.
pub(crate) struct Session {
    pub(crate) connection: SqliteConnection,
    /// The cached versions of lists. They are valid while SQLite's `data_version` is unchanged.
    pub(crate) versions: VersionCache<i64>,
    /// True if the running list query returns the documents of its next rows.
    pub(crate) wants_documents: Arc<AtomicBool>,
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// Returns `Session::wants_documents`. Used in a `CASE`, because SQLite evaluates only a `CASE` lazily. It reads
    /// every other selected column of a row when it steps to the row, even if the caller does not read this column.
    fn wants_document() -> diesel::sql_types::Bool;
}

impl Session {
    pub(crate) fn open(file: &DatabaseFile, access: Access) -> Result<Self, RepositoryError> {
        let connection = file.connect(access)?;
        let wants_documents = Arc::new(AtomicBool::new(true));
        let state = Arc::clone(&wants_documents);
        let read = move || state.load(Ordering::Relaxed);
        wants_document_utils::register_nondeterministic_impl(&connection, read).map_err(backend)?;
        Ok(Self { connection, versions: VersionCache::default(), wants_documents })
    }
}
