use std::path::PathBuf;
use std::time::Duration;

/// The settings of a database.
#[derive(Clone)]
pub struct PostgresSettings {
    /// A URL such as `postgres://user:password@host:port/database`, with the parameters that
    /// `docs/how-to/postgresql.md` lists. It may contain several hosts.
    pub url: String,
    /// A file with the password. It takes precedence over the password in the URL, and is read for each new connection.
    pub password_file: Option<PathBuf>,
    /// Maximum number of connections, at least one. A running import, export or migration uses one additional
    /// connection.
    pub max_connections: usize,
    /// Timeouts.
    pub limits: Limits,
}

impl PostgresSettings {
    /// Returns the default settings with the URL `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), password_file: None, max_connections: 8, limits: Limits::default() }
    }
}

/// Timeouts and other limits. With the default values, methods return within the times that the ports require.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Timeout for connecting to one address, until the server accepts the session.
    pub connect: Duration,
    /// Timeout of a write, or of a read with its repetition, including the wait for a connection.
    pub statement: Duration,
    /// Timeout of the wait for a free connection. A request that gets no connection in this time is rejected. The time
    /// that opening a connection takes does not count.
    pub acquire: Duration,
    /// The age at which a connection is replaced, so that changes of addresses, passwords and certificates take effect.
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
