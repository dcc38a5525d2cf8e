//! Connections to the file: how one is opened, and the few that requests share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, ConnectionError, QueryResult, SqliteConnection};
use icp_ports::RepositoryError;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::{not_opened, query_failed, task_failed};
use crate::readers::{Reader, Readers};

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
    readers: Readers,
    writer: Arc<Mutex<Option<SqliteConnection>>>,
    path: Arc<Path>,
}

impl Connections {
    pub(crate) fn new(path: &Arc<Path>, first: SqliteConnection, max_readers: usize) -> Self {
        let readers = Readers::new(path, first, max_readers);
        Self { readers, writer: Arc::default(), path: Arc::clone(path) }
    }

    /// Runs `read` on one of the threads that read.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        self.read_knowing(move |reader| read(&mut reader.connection)).await
    }

    /// The same, with what is known to the reader.
    pub(crate) async fn read_knowing<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reader) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        timeout(READ_LIMIT, self.readers.run(read)).await.unwrap_or_else(|_| Err(too_late()))
    }

    /// Runs `write` in a transaction on a blocking thread. Also when nobody waits for it any more, it comes to its end.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let turn = timeout(TURN_LIMIT, Arc::clone(&self.writer).lock_owned());
        let mut turn = turn.await.map_err(|_| too_late())?;
        let path = Arc::clone(&self.path);
        let task = move || {
            let mut connection = match turn.take() {
                Some(connection) => connection,
                None => open_with(&path, WRITE_BUSY_TIMEOUT).map_err(not_opened)?,
            };
            // Immediate: a transaction that began by reading could not wait for another process.
            let result = connection.immediate_transaction(write).map_err(query_failed);
            // Not after a panic: who knows what it was at.
            *turn = Some(connection);
            result
        };
        tokio::task::spawn_blocking(task).await.map_err(task_failed)?
    }
}

fn too_late() -> RepositoryError {
    RepositoryError::Unavailable("the database did not answer in time".into())
}
