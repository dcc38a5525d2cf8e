use std::path::PathBuf;
use std::time::Duration;

/// The settings of a database.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database`, with the parameters of libpq. It may contain several hosts.
    pub url: String,
    /// A file with the password, which overrides that of the URL. It is read for each new connection.
    pub password_file: Option<PathBuf>,
    /// Maximum number of connections, at least one. A running import, export or migration uses one more.
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

/// Time limits. The default is within the limits that the ports require.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time limit of connecting to one address, until the server accepts the session.
    pub connect: Duration,
    /// Time limit of a read with its repetition, and of a write.
    pub statement: Duration,
    /// Time limit of getting a connection. A request that gets none in time is rejected.
    pub acquire: Duration,
    /// The age at which a connection is replaced. A new connection uses new addresses, passwords and certificates.
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

/// The output omits the URL, because it may contain a password.
impl std::fmt::Debug for PostgresSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PostgresSettings").field("limits", &self.limits).finish_non_exhaustive()
    }
}
