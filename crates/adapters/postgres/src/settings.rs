use std::path::PathBuf;
use std::time::Duration;

/// Which database, and how it is used.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database`, with the parameters of libpq, and several hosts if need be.
    pub url: String,
    /// A file with the password, which overrides the URL's. It is read for each new connection.
    pub password_file: Option<PathBuf>,
    /// The largest number of connections, at least one. Imports, exports and migrations use one more while they run.
    pub max_connections: usize,
    /// Time limits.
    pub limits: Limits,
}

impl PostgresSettings {
    /// A database with the default settings.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), password_file: None, max_connections: 8, limits: Limits::default() }
    }
}

/// Time limits. The default keeps the promises of the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For connecting to one address, until the server accepts the session.
    pub connect: Duration,
    /// For a read with its repetition, and for a write.
    pub statement: Duration,
    /// For getting a connection. A request that gets none in time is rejected.
    pub acquire: Duration,
    /// The age at which a connection is replaced. A new one finds what has changed: addresses, passwords, certificates.
    pub connection_lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            statement: Duration::from_secs(4),
            acquire: Duration::from_millis(500),
            connection_lifetime: Duration::from_mins(30),
        }
    }
}

/// The URL, which can hold a password, stays out of every log.
impl std::fmt::Debug for PostgresSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PostgresSettings").field("limits", &self.limits).finish_non_exhaustive()
    }
}
