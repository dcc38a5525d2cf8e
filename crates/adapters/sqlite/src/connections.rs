//! Connections to the file: how one is opened, and the few that requests share.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, ConnectionError, QueryResult, SqliteConnection};
use icp_ports::RepositoryError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{query_failed, task_failed};

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// For a read, the wait for a free connection included.
const READ_LIMIT: Duration = Duration::from_secs(4);

/// For the turn to write, and then for another process that writes. Once it writes, nothing stops it: whoever is told that
/// a write failed may rely on it.
const TURN_LIMIT: Duration = Duration::from_millis(2_500);
const WRITE_BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the file, making it when it is not there.
pub(crate) fn open(path: &Path) -> Result<SqliteConnection, ConnectionError> {
    open_with(path, BUSY_TIMEOUT)
}

fn open_with(path: &Path, busy_timeout: Duration) -> Result<SqliteConnection, ConnectionError> {
    let path =
        path.to_str().ok_or_else(|| ConnectionError::BadConnection("its path is not Unicode".into()))?;
    let mut connection = SqliteConnection::establish(path)?;
    // FULL: in WAL mode NORMAL may lose acknowledged writes when the power fails.
    let pragmas = format!(
        "PRAGMA busy_timeout = {};
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;",
        busy_timeout.as_millis()
    );
    connection.batch_execute(&pragmas).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// The connections that requests share: a few for reading, and one for writing, since SQLite has one writer at a time.
/// Whoever finds none free waits without holding a thread.
#[derive(Clone)]
pub(crate) struct Connections {
    readers: Pool,
    writer: Pool,
}

impl Connections {
    pub(crate) fn new(path: &Arc<Path>, first: SqliteConnection, max_readers: usize) -> Self {
        let readers = Pool::new(path, max_readers.max(1), BUSY_TIMEOUT);
        readers.give_back(first);
        Self { readers, writer: Pool::new(path, 1, WRITE_BUSY_TIMEOUT) }
    }

    /// Runs `read` on a blocking thread.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let reading = async {
            let permit = self.readers.permit().await?;
            self.readers.run(permit, read).await
        };
        timeout(READ_LIMIT, reading).await.unwrap_or_else(|_| Err(too_late()))
    }

    /// Runs `write` in a transaction on a blocking thread. Also when nobody waits for it any more, it comes to its end.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let turn = timeout(TURN_LIMIT, self.writer.permit()).await.unwrap_or_else(|_| Err(too_late()))?;
        // Immediate: a transaction that began by reading could not wait for another process.
        self.writer.run(turn, |connection| connection.immediate_transaction(write)).await
    }
}

fn too_late() -> RepositoryError {
    RepositoryError::Unavailable("the database did not answer in time".into())
}

#[derive(Clone)]
struct Pool {
    free: Arc<Mutex<Vec<SqliteConnection>>>,
    permits: Arc<Semaphore>,
    path: Arc<Path>,
    busy_timeout: Duration,
}

impl Pool {
    fn new(path: &Arc<Path>, max: usize, busy_timeout: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(max));
        Self { free: Arc::default(), permits, path: Arc::clone(path), busy_timeout }
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, RepositoryError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        permit.map_err(|closed| RepositoryError::Unavailable(closed.into()))
    }

    async fn run<T: Send + 'static>(
        &self,
        permit: OwnedSemaphorePermit,
        work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let pool = self.clone();
        let task = move || {
            // Held until the connection is back.
            let _permit = permit;
            let mut connection = pool.take()?;
            let result = work(&mut connection).map_err(query_failed);
            pool.give_back(connection);
            result
        };
        tokio::task::spawn_blocking(task).await.map_err(task_failed)?
    }

    fn take(&self) -> Result<SqliteConnection, RepositoryError> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match free {
            Some(connection) => Ok(connection),
            None => open_with(&self.path, self.busy_timeout)
                .map_err(|error| RepositoryError::Unavailable(error.into())),
        }
    }

    fn give_back(&self, connection: SqliteConnection) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
