use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::connection::CONNECT_LIMIT;
use crate::connections::Connections;

/// Which database, and how it is used.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database`, with the parameters that libpq knows.
    pub url: String,
    /// How many connections reads share, at least one, and how many more writes. Imports, exports and migrations use one
    /// more while they run.
    pub max_connections: usize,
}

/// The ICPs in one PostgreSQL database.
#[derive(Clone)]
pub struct PostgresDatabase {
    pub(crate) config: Config,
    pub(crate) connections: Arc<Connections>,
}

impl PostgresDatabase {
    /// Prepares the use of a database, and connects to nothing yet.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] when the URL cannot be read, or asks for what is not there.
    pub fn new(settings: &PostgresSettings) -> Result<Self, InvalidUrl> {
        let mut config: Config = settings.url.parse()?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(InvalidUrl::Encrypted);
        }
        config.connect_timeout(CONNECT_LIMIT);
        // A peer that vanished without a word is noticed after half a minute, not after two hours.
        config.keepalives_idle(Duration::from_secs(15));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name("icp");
        }
        let connections = Arc::new(Connections::new(&config, settings.max_connections));
        Ok(Self { config, connections })
    }
}

/// Hosts and database only: the password stays out of every log.
impl std::fmt::Debug for PostgresDatabase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PostgresDatabase")
            .field("hosts", &self.config.get_hosts())
            .field("database", &self.config.get_dbname())
            .finish_non_exhaustive()
    }
}

/// As for [`PostgresDatabase`].
impl std::fmt::Debug for PostgresSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PostgresSettings")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// The URL is none that names a PostgreSQL database which can be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    /// It cannot be read.
    #[error("not a PostgreSQL URL such as postgres://user:password@host:5432/database: {0}")]
    Unreadable(#[from] tokio_postgres::Error),
    /// It asks for an encrypted connection.
    #[error("connections to PostgreSQL cannot be encrypted yet, which sslmode=require asks for")]
    Encrypted,
}
