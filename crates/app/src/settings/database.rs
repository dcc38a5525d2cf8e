use std::path::PathBuf;

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
    /// One that is served; the URL may hold a password.
    Postgres(SecretString),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    url: String,
    max_connections: usize,
    migrate: bool,
}

impl TryFrom<Raw> for DatabaseSettings {
    type Error = SettingsError;

    fn try_from(raw: Raw) -> Result<Self, SettingsError> {
        let location = location(raw.url)?;
        Ok(Self { location, max_connections: raw.max_connections, migrate: raw.migrate })
    }
}

fn location(url: String) -> Result<DatabaseLocation, SettingsError> {
    // Never the URL itself in the message: it may hold a password.
    let wrong = |message: &str| Err(SettingsError::of("database.url", message));
    match url.split_once("://") {
        Some(("postgres" | "postgresql", _)) => Ok(DatabaseLocation::Postgres(url.into())),
        Some(("sqlite", "")) => wrong("must name a file, such as sqlite://data/icp.sqlite3"),
        Some(("sqlite", path))
            if path.starts_with(':') || path.starts_with("file:") || path.contains('?') =>
        {
            wrong("must name a file by its path alone; a database in memory would be empty at each start")
        }
        Some(("sqlite", path)) => Ok(DatabaseLocation::Sqlite(path.into())),
        _ => wrong("must begin with postgres:// or sqlite://"),
    }
}
