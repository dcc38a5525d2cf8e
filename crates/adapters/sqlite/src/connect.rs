//! The database file, and its connections.

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

/// Maximum wait of a statement while another process has the write lock.
const BUSY_TIMEOUT_MILLISECONDS: u32 = 2_000;

/// The size in bytes to which the write-ahead log is truncated after an import. Otherwise the log has about 4 MiB.
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
    identity: (u64, u64),
}

impl DatabaseFile {
    /// Creates the file with its folders, unless it exists, and checks that it can be used.
    pub(crate) fn open(path: &Path) -> Result<Self, BoxError> {
        let path = std::path::absolute(path)?;
        let text = path.to_str().ok_or("the path is not Unicode")?;
        // https://sqlite.org/uri.html
        let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let url = format!("file://{escaped}?mode=rw");
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        create(&path)?;
        let file = Self { identity: identity(&path)?, path, url };
        let connected = file.establish(Access::Write);
        if let Err(ConnectionError::BadConnection(_)) = connected {
            // SQLite only reports that it cannot open the file. The error of the system has the reason.
            OpenOptions::new().read(true).append(true).open(&file.path)?;
        }
        connected?;
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

    /// Returns an error if the file was deleted or replaced. Open connections report no error then, and their writes are lost.
    pub(crate) fn check(&self) -> Result<(), RepositoryError> {
        let reason = match identity(&self.path) {
            Ok(identity) if identity == self.identity => return Ok(()),
            Ok(_) => "was replaced: restart the service to use the new one".to_owned(),
            Err(error) => format!("cannot be found: {error}"),
        };
        Err(unavailable(format!("the database file {} {reason}", self.path.display())))
    }
}

/// Creates the file, readable by its owner only, unless it exists. SQLite gives its journals the same mode.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // A file that exists is not opened: closing it would release the locks of this process's connections to it
    // (https://sqlite.org/howtocorrupt.html, section 2.2).
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Returns the identity of the file, which differs for another file at the same path.
#[cfg(unix)]
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Other systems do not allow to delete or replace an open file.
#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|_| (0, 0))
}

fn configure(connection: &mut SqliteConnection, access: Access) -> QueryResult<()> {
    connection.batch_execute(&format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MILLISECONDS}"))?;
    enter_wal_mode(connection)?;
    // FULL: in WAL mode, NORMAL can lose acknowledged writes when the power fails.
    connection.batch_execute(&format!(
        "PRAGMA synchronous = FULL;
         PRAGMA journal_size_limit = {MAX_IDLE_JOURNAL_BYTES};
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA query_only = {};",
        access == Access::Read
    ))
}

/// Enables WAL mode. SQLite reports no error if it cannot use WAL mode, as on file systems without shared memory.
pub(crate) fn enter_wal_mode(connection: &mut SqliteConnection) -> QueryResult<()> {
    let mode: String = sql::<Text>("PRAGMA journal_mode = WAL").get_result(connection)?;
    if mode != "wal" {
        let message = format!("SQLite stays in the mode `{mode}`: WAL mode needs a local file system");
        return Err(diesel::result::Error::QueryBuilderError(message.into()));
    }
    Ok(())
}
