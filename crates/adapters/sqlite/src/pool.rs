//! Threads that run statements, because SQLite blocks its caller, and the queue of their jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use icp_ports::RepositoryError;
use icp_storage::VersionCache;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::connect::{Access, DatabaseFile};
use crate::error::{Failure, backend, unavailable};

/// Maximum number of jobs that wait for a thread. Further ones are rejected.
pub(crate) const MAX_QUEUED_JOBS: usize = 1_000;

/// Maximum time that a job waits for a thread. A job that waits longer never starts, because its caller has received an error.
pub(crate) const MAX_QUEUE_TIME: Duration = Duration::from_secs(2);

/// A job. It runs on a thread, with the session of the thread or the error of opening it.
type Work = Box<dyn FnOnce(Result<&mut Session, RepositoryError>) + Send>;

/// The resources of a running job.
pub(crate) struct Job<'a> {
    pub(crate) session: &'a mut Session,
    /// Returns true if the caller no longer waits for the result.
    pub(crate) is_abandoned: &'a dyn Fn() -> bool,
}

/// A fixed number of threads, each with its own connection. They end with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    queue: SyncSender<Work>,
    time_limit: Duration,
}

impl Pool {
    /// Starts the threads. Each opens its connection for its first job.
    pub(crate) fn start(
        file: &Arc<DatabaseFile>,
        access: Access,
        threads: usize,
        time_limit: Duration,
    ) -> std::io::Result<Self> {
        let (queue, queued) = sync_channel(MAX_QUEUED_JOBS);
        let queued = Arc::new(Mutex::new(queued));
        for _ in 0..threads.max(1) {
            let (file, queued) = (Arc::clone(file), Arc::clone(&queued));
            thread::Builder::new().name("sqlite".to_owned()).spawn(move || serve(&file, access, &queued))?;
        }
        Ok(Self { queue, time_limit })
    }

    /// Runs `work` on one of the threads, unless its caller no longer waits. Work that has started runs to its end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Job<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let timed_out = || unavailable("the database did not respond in time");
        let (answer, answered) = oneshot::channel();
        let start = Instant::now();
        let work = move |session: Result<&mut Session, RepositoryError>| {
            let result = match session {
                _ if answer.is_closed() => return,
                Ok(_) if start.elapsed() > MAX_QUEUE_TIME => Err(timed_out()),
                Ok(session) => {
                    let mut job = Job { session, is_abandoned: &|| answer.is_closed() };
                    work(&mut job).map_err(|Failure(error)| error)
                }
                Err(error) => Err(error),
            };
            let _ = answer.send(result);
        };
        // The threads do not end before the pool, so only a full queue rejects a job.
        self.queue.try_send(Box::new(work)).map_err(|_| RepositoryError::Overloaded)?;
        let answered = timeout(self.time_limit, answered).await.map_err(|_| timed_out())?;
        answered.map_err(backend)? // The job panicked.
    }
}

fn serve(file: &DatabaseFile, access: Access, queued: &Mutex<Receiver<Work>>) {
    // A separate function, so that the lock is released when it returns.
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
            session = None; // A transaction may be open.
        }
    }
}

/// The connection of a thread, and the state of its list reads.
pub(crate) struct Session {
    pub(crate) connection: SqliteConnection,
    /// The state is SQLite's `data_version`.
    pub(crate) versions: VersionCache<i64>,
    /// True if the running statement reads the documents of its next rows.
    pub(crate) wants_documents: Arc<AtomicBool>,
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// Returns `Session::wants_documents`. SQLite reads every selected column of a row when it steps to the row, even if
    /// the caller does not read it. Only a `CASE` is evaluated lazily.
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
