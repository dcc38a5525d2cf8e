use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::{ConnectionError, RunQueryDsl as _};

use crate::connections::{self, Connections};

/// Which file, and how it is used.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// The database file. It is made when it is not there, with the folders it lies in.
    pub path: PathBuf,
    /// How many connections read at once, at least one. One more writes.
    pub max_connections: usize,
}

/// The ICPs in one SQLite file.
#[derive(Clone)]
pub struct SqliteDatabase {
    pub(crate) path: Arc<Path>,
    pub(crate) connections: Connections,
}

impl SqliteDatabase {
    /// Opens the file. It gets its tables by `Schema::migrate`.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the file cannot be opened or made, or is no SQLite database.
    pub async fn open(settings: SqliteSettings) -> Result<Self, OpenError> {
        let SqliteSettings { path, max_connections } = settings;
        let open = move || {
            let first = open_file(&path).map_err(|reason| OpenError { path: path.clone(), reason })?;
            let path: Arc<Path> = path.into();
            Ok(Self { connections: Connections::new(&path, first, max_connections), path })
        };
        match tokio::task::spawn_blocking(open).await {
            Ok(opened) => opened,
            Err(error) => Err(OpenError { path: PathBuf::new(), reason: Reason::Io(error.into()) }),
        }
    }
}

impl std::fmt::Debug for SqliteDatabase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SqliteDatabase").field("path", &self.path).finish_non_exhaustive()
    }
}

fn open_file(path: &Path) -> Result<diesel::SqliteConnection, Reason> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    // SQLite only says that it is unable to open the file; the system says why.
    std::fs::OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut connection = connections::open(path)?;
    // SQLite opens anything; what is no database shows when it is first read.
    diesel::sql_query("SELECT count(*) FROM sqlite_schema")
        .execute(&mut connection)
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// The database file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the SQLite database {} cannot be used: {reason}", path.display())]
pub struct OpenError {
    path: PathBuf,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Connection(#[from] ConnectionError),
}
