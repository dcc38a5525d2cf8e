use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::connections::Connections;
use crate::connector::{Connector, Inner};
use crate::gathered::{Lists, Versions};
use crate::gathering::Gathering;
use crate::limits::Limits;
use crate::long_lists::{LongLists, LongOnes, LongVersions};
use crate::probing::Probing;
use crate::url::{self, InvalidUrl};

/// Which database, and how it is used.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database`, with the parameters that libpq knows, and several hosts if need be.
    pub url: String,
    /// A file with the password, which counts before the URL's. It is read for each new connection.
    pub password_file: Option<PathBuf>,
    /// How many connections short reads share, at least one, and how many more long reads and writes each. Imports, exports
    /// and migrations use one more while they run.
    pub max_connections: usize,
    /// Whether statements are prepared once a connection. Not so where a pooler gives each transaction another session.
    pub prepared_statements: bool,
    /// Time limits.
    pub limits: Limits,
}

impl PostgresSettings {
    /// A database, used as most are.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password_file: None,
            max_connections: 4,
            prepared_statements: true,
            limits: Limits::default(),
        }
    }
}

/// The ICPs in one PostgreSQL database.
#[derive(Clone)]
pub struct PostgresDatabase {
    pub(crate) connector: Connector,
    pub(crate) connections: Arc<Connections>,
    pub(crate) gatherings: Arc<Gatherings>,
    pub(crate) probing: Arc<Probing>,
}

/// The reads that are gathered.
pub(crate) struct Gatherings {
    pub(crate) lists: Gathering<Lists>,
    pub(crate) versions: Gathering<Versions>,
    pub(crate) long_lists: Gathering<LongLists>,
    pub(crate) long_versions: Gathering<LongVersions>,
    pub(crate) long_ones: LongOnes,
}

impl PostgresDatabase {
    /// Prepares the use of a database, and connects to nothing yet.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] when the URL cannot be read, or asks for what is not there.
    pub fn new(settings: &PostgresSettings) -> Result<Self, InvalidUrl> {
        let (hosts, tls) = url::parse(&settings.url, &settings.limits)?;
        let connector = Connector::new(Inner {
            hosts,
            last: AtomicUsize::new(0),
            tls: tls.connector()?,
            password_file: settings.password_file.clone(),
            prepared_statements: settings.prepared_statements,
            limits: settings.limits,
        });
        let most = settings.max_connections;
        let gatherings = Gatherings {
            lists: Gathering::on_each_thread(most),
            versions: Gathering::on_each_thread(most),
            long_lists: Gathering::with_statements(most),
            long_versions: Gathering::with_statements(most),
            long_ones: LongOnes::default(),
        };
        Ok(Self {
            connections: Arc::new(Connections::new(&connector, most)),
            connector,
            gatherings: Arc::new(gatherings),
            probing: Arc::default(),
        })
    }

    /// How many hosts the URL names.
    pub fn hosts(&self) -> usize {
        self.connector.hosts().len()
    }
}

/// Hosts and database only: the password stays out of every log.
impl std::fmt::Debug for PostgresDatabase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hosts = self.connector.hosts();
        formatter
            .debug_struct("PostgresDatabase")
            .field("hosts", &hosts.iter().flat_map(tokio_postgres::Config::get_hosts).collect::<Vec<_>>())
            .field("database", &hosts.first().and_then(tokio_postgres::Config::get_dbname))
            .finish_non_exhaustive()
    }
}

/// As for [`PostgresDatabase`].
impl std::fmt::Debug for PostgresSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PostgresSettings")
            .field("max_connections", &self.max_connections)
            .field("prepared_statements", &self.prepared_statements)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
