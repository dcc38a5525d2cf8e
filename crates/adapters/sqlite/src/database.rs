use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use diesel::SqliteConnection;
use icp_domain::UserId;
use icp_permits::KeyedPermits;
use icp_ports::{BoxError, RepositoryError};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::connect::{Access, DatabaseFile};
use crate::error::{TransactionError, backend, unavailable};
use crate::pool::{Job, LongRead, Pool};

/// Timeout of a read, including its time in the queue.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(4);

/// Timeout of a write: 2 s in the queue, 2 s for the write lock, and the rest for the write itself.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_millis(4_500);

/// The settings of a database.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// The database file. It is created if it does not exist, with its folders.
    pub path: PathBuf,
    /// Number of connections for reads, at least one. Writes use one additional connection, and so does each running
    /// import, export or migration.
    pub max_connections: usize,
}

/// A repository in one SQLite file. Clones share its connections.
#[derive(Clone, Debug)]
pub struct SqliteDatabase {
    pub(crate) file: Arc<DatabaseFile>,
    pub(crate) readers: Pool,
    writer: Pool,
    /// Permits for reads of lists. Without permits, one user could occupy all threads.
    list_permits: KeyedPermits<UserId>,
    /// Permits for long reads of lists, one per user. Without permits, one user could occupy all cores.
    pub(crate) long_read_permits: KeyedPermits<UserId>,
}

impl SqliteDatabase {
    /// Opens the file. [`Migrator::migrate`](icp_ports::Migrator::migrate) creates its tables.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the file cannot be opened or created, is not a SQLite database, or cannot be used in WAL mode,
    /// or if a thread cannot be started.
    pub async fn open(settings: SqliteSettings) -> Result<Self, OpenError> {
        let path = settings.path.clone();
        let open = move || -> Result<Self, BoxError> {
            let file = Arc::new(DatabaseFile::open(&settings.path)?);
            let readers = Pool::start(&file, Access::Read, settings.max_connections, READ_TIMEOUT)?;
            let writer = Pool::start(&file, Access::Write, 1, WRITE_TIMEOUT)?;
            let list_permits = KeyedPermits::new((settings.max_connections / 2).max(1));
            Ok(Self { file, readers, writer, list_permits, long_read_permits: KeyedPermits::new(1) })
        };
        let opened = spawn_blocking(open).await.unwrap_or_else(|panicked| Err(panicked.into()));
        opened.map_err(|reason| OpenError { path, reason })
    }

    /// Reads a list of a user. Waits for a permit, so that one user occupies at most half of the threads, or the only
    /// thread. `read` calls [`LongRead::begin`] when it has read more than a short list.
    pub(crate) async fn read_list<T: Send + 'static>(
        &self,
        user_id: &UserId,
        read: impl FnOnce(&mut Job<'_>) -> Result<T, TransactionError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let reading = async {
            let permit = self.list_permits.acquire(user_id).await;
            let (permits, user_id) = (self.long_read_permits.clone(), user_id.clone());
            let long_read = LongRead { permits, user_id, runtime: Handle::current(), permit: None };
            let read = move |job: &mut Job<'_>| {
                let _permit = permit;
                job.long_read = Some(long_read);
                read(job)
            };
            self.readers.run(read).await
        };
        let result = timeout(READ_TIMEOUT, reading).await;
        result.unwrap_or_else(|_| Err(unavailable("the list was not read in time")))
    }

    /// Runs `write` in a transaction, which is rolled back if the file was deleted or replaced.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut SqliteConnection) -> Result<T, TransactionError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let file = Arc::clone(&self.file);
        let transaction = self.writer.run(move |job| {
            // The transaction is immediate, so that it acquires the write lock first. A transaction that starts with a
            // read would fail if another connection wrote between this read and the first write of the transaction.
            job.session.connection.immediate_transaction(|connection| {
                let written = write(connection)?;
                file.check()?;
                Ok(written)
            })
        });
        transaction.await
    }
}

/// Runs `work`, such as an import, on a separate thread and without a timeout.
pub(crate) async fn run_blocking<T: Send + 'static, E: From<RepositoryError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, TransactionError<E>> + Send + 'static,
) -> Result<T, E> {
    spawn_blocking(work).await.map_err(backend)?.map_err(|TransactionError(error)| error)
}

/// Error of [`SqliteDatabase::open`].
#[derive(Debug, thiserror::Error)]
#[error("the SQLite database {} cannot be used: {reason}", path.display())]
pub struct OpenError {
    path: PathBuf,
    reason: BoxError,
}
