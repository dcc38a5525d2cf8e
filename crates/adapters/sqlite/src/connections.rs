//! Connections to the file: how one is opened, and the few that readers share.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, ConnectionError, SqliteConnection};
use icp_ports::RepositoryError;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::error::{query_failed, task_failed};

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT_MS: u32 = 5_000;

/// For a read, the wait for a free connection included.
const READ_LIMIT: Duration = Duration::from_secs(4);

/// Opens the file, making it when it is not there.
pub(crate) fn open(path: &Path) -> Result<SqliteConnection, ConnectionError> {
    let path =
        path.to_str().ok_or_else(|| ConnectionError::BadConnection("its path is not Unicode".into()))?;
    let mut connection = SqliteConnection::establish(path)?;
    // FULL: in WAL mode NORMAL may lose acknowledged writes when the power fails.
    let pragmas = format!(
        "PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;"
    );
    connection.batch_execute(&pragmas).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// A few connections for reading. Whoever finds none free waits without holding a thread.
#[derive(Clone)]
pub(crate) struct Readers {
    free: Arc<Mutex<Vec<SqliteConnection>>>,
    permits: Arc<Semaphore>,
    path: Arc<Path>,
}

impl Readers {
    pub(crate) fn new(path: Arc<Path>, first: SqliteConnection, max: usize) -> Self {
        Self { free: Arc::new(Mutex::new(vec![first])), permits: Arc::new(Semaphore::new(max.max(1))), path }
    }

    /// Runs `read` on a blocking thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut SqliteConnection) -> Result<T, diesel::result::Error> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let reading = timeout(READ_LIMIT, self.read(read)).await;
        reading.unwrap_or_else(|_| {
            Err(RepositoryError::Unavailable("the database did not answer in time".into()))
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut SqliteConnection) -> Result<T, diesel::result::Error> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|closed| RepositoryError::Unavailable(closed.into()))?;
        let readers = self.clone();
        let task = move || {
            // Held until the connection is back.
            let _permit = permit;
            let mut connection = readers.take()?;
            let result = read(&mut connection).map_err(query_failed);
            readers.give_back(connection);
            result
        };
        tokio::task::spawn_blocking(task).await.map_err(task_failed)?
    }

    fn take(&self) -> Result<SqliteConnection, RepositoryError> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match free {
            Some(connection) => Ok(connection),
            None => open(&self.path).map_err(|error| RepositoryError::Unavailable(error.into())),
        }
    }

    fn give_back(&self, connection: SqliteConnection) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
