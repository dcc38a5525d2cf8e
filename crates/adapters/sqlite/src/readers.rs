//! The threads that read, each with a connection of its own, and the queue that they take reads from.
//!
//! A read on tokio's blocking threads costs two switches between threads. Here whoever is awake goes on with the next read
//! that waits, so that the more there is to do, the fewer are the switches.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use diesel::{QueryResult, SqliteConnection};
use icp_ports::{KnownVersions, RepositoryError};
use tokio::sync::oneshot;

use crate::connections;
use crate::error::{not_opened, query_failed, read_ended};

/// A read and whoever waits for it.
type Read = Box<dyn FnOnce(Result<&mut Reader, RepositoryError>) + Send>;

/// A connection that reads, and nothing else.
pub(crate) struct Reader {
    pub(crate) connection: SqliteConnection,
    /// In a state as [`crate::data_version`] tells it.
    pub(crate) known_versions: KnownVersions<i64>,
}

impl Reader {
    fn on(connection: SqliteConnection) -> Self {
        Self { connection, known_versions: KnownVersions::default() }
    }
}

/// A few threads at most, started when there is need of them.
#[derive(Clone)]
pub(crate) struct Readers(Arc<Handle>);

impl Readers {
    pub(crate) fn new(path: &Arc<Path>, first: SqliteConnection, max: usize) -> Self {
        let state = State { max: max.max(1), spare: Some(first), ..State::default() };
        let queue = Queue { state: Mutex::new(state), changed: Condvar::new(), path: Arc::clone(path) };
        Self(Arc::new(Handle(Arc::new(queue))))
    }

    /// Runs `read` once a thread is free, unless nobody waits for it by then.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reader) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let (answer, answered) = oneshot::channel();
        self.0.0.push(Box::new(move |reader| {
            if !answer.is_closed() {
                let result = reader.and_then(|reader| read(reader).map_err(query_failed));
                let _ = answer.send(result);
            }
        }));
        answered.await.unwrap_or_else(|dropped| Err(read_ended(dropped)))
    }
}

/// With the last of it the threads end.
struct Handle(Arc<Queue>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    path: Arc<Path>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Read>,
    max: usize,
    threads: usize,
    /// Of the threads, those that sleep and have not been woken.
    asleep: usize,
    /// Whether one has been woken, or started, and is not at work yet: then no other is until it is, and finds that there is
    /// more to do.
    rousing: bool,
    spare: Option<SqliteConnection>,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(self: &Arc<Self>, read: Read) {
        let mut state = self.lock();
        state.waiting.push_back(read);
        self.rouse(state);
    }

    /// Sees to it that a thread comes, when some read waits and one more is allowed.
    fn rouse(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.rousing || state.waiting.is_empty() {
            return;
        }
        if state.asleep > 0 {
            state.rousing = true;
            drop(state);
            self.changed.notify_one();
        } else if state.threads < state.max {
            (state.threads, state.rousing) = (state.threads + 1, true);
            drop(state);
            self.start();
        }
    }

    /// When the system gives no thread, those that are there must do.
    fn start(self: &Arc<Self>) {
        let thread = Thread(Arc::clone(self));
        let started =
            std::thread::Builder::new().name("sqlite-reader".to_owned()).spawn(move || thread.work());
        if let Err(error) = started {
            tracing::error!(%error, "a thread to read the database with could not be started");
        }
    }

    /// The next read; waits for it. `None` when there will be none.
    fn next(self: &Arc<Self>) -> Option<Read> {
        let mut state = self.lock();
        loop {
            if let Some(read) = state.waiting.pop_front() {
                self.rouse(state);
                return Some(read);
            }
            if state.closed {
                return None;
            }
            state.asleep += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
            state.rousing = false;
        }
    }
}

/// A thread that counts among those of the queue for as long as this lives.
struct Thread(Arc<Queue>);

impl Thread {
    fn work(self) {
        let mut reader = {
            let mut state = self.0.lock();
            state.rousing = false;
            state.spare.take().map(Reader::on)
        };
        while let Some(read) = self.0.next() {
            let opened = match reader.take() {
                Some(opened) => Ok(opened),
                None => connections::open(&self.0.path).map(Reader::on).map_err(not_opened),
            };
            match opened {
                Ok(opened) => read(Ok(reader.insert(opened))),
                Err(error) => read(Err(error)),
            }
        }
    }
}

impl Drop for Thread {
    /// Also when a read panicked, or the thread could not be started.
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.threads -= 1;
        state.rousing = false;
        if std::thread::panicking() {
            self.0.rouse(state);
        } else if state.threads == 0 {
            // Whoever waits for them is told.
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            drop(waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};

    use diesel::RunQueryDsl as _;
    use icp_ports::RepositoryError;
    use tempfile::TempDir;
    use tokio::sync::oneshot;

    use super::{Reader, Readers};
    use crate::connections;

    fn readers(max: usize) -> (Readers, TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let first = connections::open(&path).expect("it opens");
        (Readers::new(&path.into(), first, max), folder)
    }

    fn one(reader: &mut Reader) -> diesel::QueryResult<usize> {
        diesel::sql_query("SELECT 1").execute(&mut reader.connection).map(|_| 1)
    }

    /// Occupies a thread until the sender that it gives is used or dropped.
    async fn occupy(readers: &Readers) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel();
        let (begin, started) = oneshot::channel();
        let readers = readers.clone();
        tokio::spawn(async move {
            let wait = move |_: &mut Reader| {
                let _ = begin.send(());
                let _ = released.recv();
                Ok(())
            };
            readers.run(wait).await
        });
        started.await.expect("it begins");
        release
    }

    #[tokio::test]
    async fn a_read_that_hangs_holds_up_no_other_while_threads_are_allowed() {
        let (readers, _folder) = readers(2);
        let _release = occupy(&readers).await;
        for _ in 0..100 {
            let (one, other) = tokio::join!(readers.run(one), readers.run(one));
            assert_eq!((one.expect("an answer"), other.expect("an answer")), (1, 1));
        }
    }

    #[tokio::test]
    async fn whoever_takes_a_read_sees_to_it_that_those_behind_it_are_taken() {
        let (readers, _folder) = readers(2);
        // As if somebody were on the way: so that both reads wait, and none has roused a thread.
        readers.0.0.lock().rousing = true;
        let (release, released) = mpsc::channel::<()>();
        let hanging = readers.run(move |_| {
            let _ = released.recv();
            Ok(())
        });
        let rousing = async {
            readers.0.0.lock().rousing = false;
            readers.0.0.rouse(readers.0.0.lock());
        };
        let behind = async {
            let answer = readers.run(one).await;
            drop(release);
            answer
        };
        let (_, answer, ()) = tokio::join!(biased; hanging, behind, rousing);
        assert_eq!(answer.expect("an answer"), 1);
    }

    #[tokio::test]
    async fn a_read_that_nobody_waits_for_is_not_made_and_those_behind_it_are() {
        let (readers, _folder) = readers(1);
        let release = occupy(&readers).await;
        let made = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&made);
        let note = move |_: &mut Reader| {
            noted.store(true, Ordering::SeqCst);
            Ok(())
        };
        tokio::select! {
            biased;
            _ = readers.run(note) => panic!("the only thread is occupied"),
            () = std::future::ready(()) => {} // It is in the queue, since it has been polled.
        }
        let behind = readers.run(one);
        drop(release);
        assert_eq!(behind.await.expect("an answer"), 1);
        assert!(!made.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_read_that_panics_fails_alone() {
        let (readers, _folder) = readers(1);
        let release = occupy(&readers).await;
        let panics = |_: &mut Reader| -> diesel::QueryResult<()> { panic!("on purpose") };
        let (failed, behind, ()) =
            tokio::join!(readers.run(panics), readers.run(one), async { drop(release) });
        assert!(matches!(failed, Err(RepositoryError::Backend(_))), "{failed:?}");
        assert_eq!(behind.expect("an answer"), 1);
        assert_eq!(readers.run(one).await.expect("an answer"), 1);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_unavailable_until_it_can() {
        let (readers, folder) = readers(2);
        let _release = occupy(&readers).await;
        let away = folder.path().with_extension("away");
        std::fs::rename(folder.path(), &away).expect("it moves");
        let refused = readers.run(one).await;
        std::fs::rename(&away, folder.path()).expect("it moves back");
        assert!(matches!(refused, Err(RepositoryError::Unavailable(_))), "{refused:?}");
        assert_eq!(readers.run(one).await.expect("an answer"), 1);
    }
}
