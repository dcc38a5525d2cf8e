//! Opens the database file and connections to it.

use std::fs::{self, OpenOptions};
use std::io;
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use icp_ports::{BoxError, RepositoryError};

use crate::error::unavailable;

/// Maximum time that a statement waits while another connection, such as that of an import or of another process, holds
/// the write lock.
const BUSY_TIMEOUT_MILLISECONDS: u32 = 2_000;

/// The size in bytes to which SQLite truncates the write-ahead log after it has grown, as during an import. Without
/// imports, the log has about 4 MiB.
const MAX_IDLE_JOURNAL_BYTES: u32 = 16 * 1024 * 1024;

/// The access mode of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// The database file that was opened at the start of the service.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    pub(crate) path: PathBuf,
    url: String,
    /// The device and the inode of the file that was opened. Other operating systems than Unix have no such numbers.
    identity: (u64, u64),
}

impl DatabaseFile {
    /// Creates the file with its folders, unless it exists, and checks that it can be used.
    pub(crate) fn open(path: &Path) -> Result<Self, BoxError> {
        let path = std::path::absolute(path)?;
        let text = path.to_str().ok_or("the path is not Unicode")?;
        // The format of file URLs is in https://sqlite.org/uri.html.
        let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let url = format!("file://{escaped}?mode=rw");
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        create_if_missing(&path)?;
        let file = Self { identity: identity(&path)?, path, url };
        let connection = file.establish(Access::Write);
        if let Err(ConnectionError::BadConnection(_)) = connection {
            // SQLite only reports that it cannot open the file. The operating system's error contains the reason.
            OpenOptions::new().read(true).append(true).open(&file.path)?;
        }
        connection?;
        Ok(file)
    }

    /// Opens a connection. Does not create the file.
    pub(crate) fn connect(&self, access: Access) -> Result<SqliteConnection, RepositoryError> {
        self.check()?;
        self.establish(access).map_err(unavailable)
    }

    fn establish(&self, access: Access) -> ConnectionResult<SqliteConnection> {
        let mut connection = SqliteConnection::establish(&self.url)?;
        configure(&mut connection, access).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }

    /// Fails if the file was deleted or replaced. Open connections do not report an error in this case, and their
    /// writes would be lost.
    pub(crate) fn check(&self) -> Result<(), RepositoryError> {
        let reason = match identity(&self.path) {
            Ok(identity) if identity == self.identity => return Ok(()),
            Ok(_) => "was replaced: restart the service to use the new file".to_owned(),
            Err(error) => format!("cannot be found: {error}"),
        };
        Err(unavailable(format!("the database file {} {reason}", self.path.display())))
    }
}

/// Creates the file unless it exists. Only its owner can read it. SQLite creates its journals with the same
/// permissions.
fn create_if_missing(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // An existing file is not opened, because closing it would release the locks of all connections of this process
    // to the file (https://sqlite.org/howtocorrupt.html, section 2.2).
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Returns the identity of the file. Another file at the same path has another identity.
#[cfg(unix)]
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Returns the same numbers for every file, because operating systems other than Unix do not allow programs to delete
/// or replace an open file.
#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|_| (0, 0))
}

fn configure(connection: &mut SqliteConnection, access: Access) -> QueryResult<()> {
    connection.batch_execute(&format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MILLISECONDS}"))?;
    enter_wal_mode(connection)?;
    // `synchronous` is FULL, because with NORMAL a power failure can lose acknowledged writes in WAL mode.
    connection.batch_execute(&format!(
        "PRAGMA synchronous = FULL;
         PRAGMA journal_size_limit = {MAX_IDLE_JOURNAL_BYTES};
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA query_only = {};",
        access == Access::Read
    ))
}

/// Enables WAL mode. Fails if SQLite cannot use WAL mode, for example on a file system without shared memory. SQLite
/// itself reports no error in this case.
pub(crate) fn enter_wal_mode(connection: &mut SqliteConnection) -> QueryResult<()> {
    let mode: String = sql::<Text>("PRAGMA journal_mode = WAL").get_result(connection)?;
    if mode != "wal" {
        let message = format!(
            "SQLite stays in the mode `{mode}`: move the database to a local file system, which WAL mode needs"
        );
        return Err(diesel::result::Error::QueryBuilderError(message.into()));
    }
    Ok(())
}
