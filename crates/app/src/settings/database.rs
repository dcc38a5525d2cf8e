use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::SettingsError;

/// Where ICPs are stored.
#[derive(Debug)]
pub struct DatabaseSettings {
    /// In which database.
    pub location: DatabaseLocation,
    /// Connections that requests share.
    pub max_connections: usize,
    /// Whether pending migrations are applied at the start.
    pub migrate: bool,
}

/// A database, by the scheme of its URL.
#[derive(Debug)]
pub enum DatabaseLocation {
    /// An embedded one, in this file.
    Sqlite(PathBuf),
    /// One that is served.
    Postgres(Box<ServedDatabase>),
}

/// A database that is served, and how it is used.
#[derive(Debug)]
pub struct ServedDatabase {
    /// Its URL, which may hold a password.
    pub url: SecretString,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// For connecting to one host.
    pub connect_timeout: Duration,
    /// For a read or a write.
    pub statement_timeout: Duration,
    /// For getting a turn on a connection.
    pub acquire_timeout: Duration,
    /// How old a connection may become.
    pub connection_lifetime: Duration,
    /// A copy to read from.
    pub copy: Option<DatabaseCopy>,
}

/// A copy that lists and gets are read from.
#[derive(Debug)]
pub struct DatabaseCopy {
    /// Its URL, which may hold a password.
    pub url: SecretString,
    /// How far behind it may be.
    pub max_lag: Duration,
    /// For how long those who have written read from the original.
    pub own_writes: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    url: String,
    password_file: Option<PathBuf>,
    max_connections: usize,
    migrate: bool,
    connect_timeout_seconds: u64,
    statement_timeout_seconds: u64,
    acquire_timeout_milliseconds: u64,
    connection_lifetime_seconds: u64,
    read_url: Option<String>,
    read_max_lag_seconds: u64,
    read_own_writes_seconds: u64,
}

impl TryFrom<Raw> for DatabaseSettings {
    type Error = SettingsError;

    fn try_from(raw: Raw) -> Result<Self, SettingsError> {
        let (max_connections, migrate) = (raw.max_connections, raw.migrate);
        let location = match Scheme::of("database.url", &raw.url)? {
            Scheme::Postgres => DatabaseLocation::Postgres(Box::new(raw.try_into()?)),
            Scheme::Sqlite(path) => {
                for (key, is_set) in [
                    ("database.read_url", raw.read_url.is_some()),
                    ("database.password_file", raw.password_file.is_some()),
                ] {
                    if is_set {
                        return Err(SettingsError::of(key, "goes with a PostgreSQL database only"));
                    }
                }
                DatabaseLocation::Sqlite(path)
            }
        };
        Ok(Self { location, max_connections, migrate })
    }
}

impl TryFrom<Raw> for ServedDatabase {
    type Error = SettingsError;

    fn try_from(raw: Raw) -> Result<Self, SettingsError> {
        let copy = match raw.read_url {
            None => None,
            Some(url) => match Scheme::of("database.read_url", &url)? {
                Scheme::Postgres if raw.read_own_writes_seconds < raw.read_max_lag_seconds => {
                    let message = "must not be less than database.read_max_lag_seconds: writers would miss what they wrote";
                    return Err(SettingsError::of("database.read_own_writes_seconds", message));
                }
                Scheme::Postgres => Some(DatabaseCopy {
                    url: url.into(),
                    max_lag: Duration::from_secs(raw.read_max_lag_seconds),
                    own_writes: Duration::from_secs(raw.read_own_writes_seconds),
                }),
                Scheme::Sqlite(_) => {
                    return Err(SettingsError::of("database.read_url", "must begin with postgres://"));
                }
            },
        };
        Ok(Self {
            url: raw.url.into(),
            password_file: raw.password_file,
            connect_timeout: Duration::from_secs(raw.connect_timeout_seconds),
            statement_timeout: Duration::from_secs(raw.statement_timeout_seconds),
            acquire_timeout: Duration::from_millis(raw.acquire_timeout_milliseconds),
            connection_lifetime: Duration::from_secs(raw.connection_lifetime_seconds),
            copy,
        })
    }
}

/// What a URL begins with, which says what kind of database it names.
enum Scheme {
    Sqlite(PathBuf),
    Postgres,
}

impl Scheme {
    fn of(key: &str, url: &str) -> Result<Self, SettingsError> {
        // Never the URL itself in the message: it may hold a password.
        let wrong = |message: &str| Err(SettingsError::of(key, message));
        match url.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres),
            Some(("sqlite", "")) => wrong("must name a file, such as sqlite://data/icp.sqlite3"),
            Some(("sqlite", path))
                if path.starts_with(':') || path.starts_with("file:") || path.contains('?') =>
            {
                wrong("must name a file by its path alone; a database in memory would be empty at each start")
            }
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            _ => wrong("must begin with postgres:// or sqlite://"),
        }
    }
}
