//! The composition root: the one place that names adapters, and chooses among them by the settings.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use icp_clerk::{
    AdminRule, ClaimPointer, ClerkAuthenticator, ClerkSettings, KeySetSettings, KeySetUrl, KeySource, PemKey,
    PublishableKey, SessionCookie,
};
use icp_ports::{Authenticator, HealthCheck, IcpReader, IcpRepository, IcpTransfer, Schema, SystemClock};
use icp_postgres::{Limits, PostgresDatabase, PostgresReplica, PostgresSettings};
use icp_sqlite::{SqliteDatabase, SqliteSettings};
use secrecy::{ExposeSecret as _, SecretString};

use crate::development::{self, DevelopmentKey};
use crate::settings::{
    AuthSettings, ClerkKeys, DatabaseCopy, DatabaseLocation, DatabaseSettings, ServedDatabase, Settings,
    SettingsError, SignIn,
};

/// The ports of one database.
pub(crate) struct Storage {
    pub(crate) repository: Arc<dyn IcpRepository>,
    /// What reads come from, where it is not the repository.
    pub(crate) copy: Option<StorageCopy>,
    pub(crate) transfer: Arc<dyn IcpTransfer>,
    pub(crate) schema: Arc<dyn Schema>,
}

/// A copy to read from, and how it is doing.
pub(crate) struct StorageCopy {
    pub(crate) reader: Arc<dyn IcpReader>,
    pub(crate) health: Arc<dyn HealthCheck>,
    /// For how long those who have written read from the original.
    pub(crate) own_writes: Duration,
}

impl Storage {
    fn of<D: IcpRepository + IcpTransfer + Schema + 'static>(database: D) -> Self {
        let database = Arc::new(database);
        Self { repository: database.clone(), copy: None, transfer: database.clone(), schema: database }
    }
}

/// The database that the settings name.
pub(crate) async fn storage(settings: &DatabaseSettings) -> anyhow::Result<Storage> {
    let max_connections = settings.max_connections;
    match &settings.location {
        DatabaseLocation::Sqlite(path) => {
            let settings = SqliteSettings { path: path.clone(), max_connections };
            Ok(Storage::of(SqliteDatabase::open(settings).await?))
        }
        DatabaseLocation::Postgres(settings) => {
            let database = postgres(settings, max_connections)?;
            let copy =
                settings.copy.as_ref().map(|copy| read_copy(settings, copy, max_connections, &database));
            Ok(Storage { copy: copy.transpose()?, ..Storage::of(database) })
        }
    }
}

fn postgres(settings: &ServedDatabase, max_connections: usize) -> Result<PostgresDatabase, SettingsError> {
    let database = PostgresDatabase::new(&postgres_settings(settings, &settings.url, max_connections));
    database.map_err(|error| SettingsError::of("database.url", error))
}

fn postgres_copy(
    settings: &ServedDatabase,
    copy: &DatabaseCopy,
    max_connections: usize,
) -> Result<PostgresDatabase, SettingsError> {
    let database = PostgresDatabase::new(&postgres_settings(settings, &copy.url, max_connections));
    let database = database.map_err(|error| SettingsError::of("database.read_url", error))?;
    if database.hosts() > 1 {
        // How far each is behind would have to be known.
        return Err(SettingsError::of("database.read_url", "must name one host"));
    }
    Ok(database)
}

/// A copy that is watched. Must be called within a runtime.
fn read_copy(
    settings: &ServedDatabase,
    copy: &DatabaseCopy,
    max_connections: usize,
    database: &PostgresDatabase,
) -> Result<StorageCopy, SettingsError> {
    let standby = postgres_copy(settings, copy, max_connections)?;
    let replica = Arc::new(PostgresReplica::start(database.clone(), standby, copy.max_lag));
    Ok(StorageCopy { reader: replica.clone(), health: replica, own_writes: copy.own_writes })
}

fn postgres_settings(
    settings: &ServedDatabase,
    url: &SecretString,
    max_connections: usize,
) -> PostgresSettings {
    PostgresSettings {
        url: url.expose_secret().to_owned(),
        password_file: settings.password_file.clone(),
        max_connections,
        prepared_statements: settings.prepared_statements,
        limits: Limits {
            connect: settings.connect_timeout,
            statement: settings.statement_timeout,
            acquire: settings.acquire_timeout,
            connection_lifetime: settings.connection_lifetime,
        },
    }
}

/// The same, for what only looks: an embedded database that is not there is not made.
pub(crate) async fn existing_storage(settings: &DatabaseSettings) -> anyhow::Result<Storage> {
    if let DatabaseLocation::Sqlite(path) = &settings.location {
        let exists = path.try_exists().with_context(|| format!("cannot look for {}", path.display()))?;
        ensure!(exists, "there is no database at {}", path.display());
    }
    storage(settings).await
}

/// Whoever decides who is signed in. Must be called within a runtime, on which keys are fetched.
pub(crate) fn authenticator(settings: &AuthSettings) -> anyhow::Result<Arc<dyn Authenticator>> {
    let settings = clerk_settings(settings)?;
    let authenticator = ClerkAuthenticator::start(settings, Arc::new(SystemClock));
    Ok(Arc::new(authenticator.context("the sign-in cannot be set up")?))
}

/// Checks what only the adapters can read: the texts of keys, URLs and pointers.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    if let DatabaseLocation::Postgres(database) = &settings.database.location {
        postgres(database, 1)?;
        database.copy.as_ref().map(|copy| postgres_copy(database, copy, 1)).transpose()?;
    }
    match &settings.auth.sign_in {
        SignIn::Clerk(_) => clerk_settings(&settings.auth).map(drop),
        // Its key would be made by looking.
        SignIn::Development => admin_rule(&settings.auth).map(drop),
    }
}

fn clerk_settings(settings: &AuthSettings) -> anyhow::Result<ClerkSettings> {
    let (issuer, keys, publishable_key) = match &settings.sign_in {
        SignIn::Clerk(keys) => {
            let publishable_key: Option<PublishableKey> =
                parse("auth.publishable_key", keys.publishable_key.as_deref())?;
            let issuer = keys.issuer.clone().or_else(|| publishable_key.as_ref().map(PublishableKey::issuer));
            let issuer = issuer.context("no issuer is set")?;
            (issuer.clone(), key_source(keys, publishable_key.as_ref(), &issuer)?, publishable_key)
        }
        SignIn::Development => {
            let key = DevelopmentKey::load_or_make()?;
            (development::ISSUER.to_owned(), KeySource::Pem(key.public_pem().parse()?), None)
        }
    };
    Ok(ClerkSettings {
        issuer,
        keys,
        authorized_parties: settings.authorized_parties.clone(),
        audience: settings.audience.clone(),
        admin: admin_rule(settings)?,
        session_cookie: match (settings.session_cookie, publishable_key) {
            (false, _) => SessionCookie::Ignored,
            (true, None) => SessionCookie::Plain,
            (true, Some(key)) => SessionCookie::OfInstance(key),
        },
    })
}

/// A PEM key goes before a key set, and a URL before what the publishable key or the issuer implies.
fn key_source(
    keys: &ClerkKeys,
    publishable_key: Option<&PublishableKey>,
    issuer: &str,
) -> Result<KeySource, SettingsError> {
    if let Some(pem) = parse::<PemKey>("auth.jwt_key", keys.jwt_key.as_deref())? {
        return Ok(KeySource::Pem(pem));
    }
    let url = match (parse::<KeySetUrl>("auth.jwks_url", keys.jwks_url.as_deref())?, publishable_key) {
        (Some(url), _) => url,
        (None, Some(key)) => key.key_set_url(),
        (None, None) => {
            let url = format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/'));
            url.parse().map_err(|error| SettingsError::of("auth.issuer", error))?
        }
    };
    Ok(KeySource::KeySet(KeySetSettings { url, lifetime: keys.jwks_lifetime, cooldown: keys.jwks_cooldown }))
}

fn admin_rule(settings: &AuthSettings) -> anyhow::Result<AdminRule> {
    let default = match settings.sign_in {
        SignIn::Clerk(_) => None,
        SignIn::Development => Some(development::ADMIN_CLAIM),
    };
    let claim: Option<ClaimPointer> = parse("auth.admin_claim", settings.admin_claim.as_deref().or(default))?;
    Ok(AdminRule { user_ids: settings.admin_user_ids.clone(), claim })
}

fn parse<T: FromStr<Err: std::fmt::Display>>(
    key: &str,
    text: Option<&str>,
) -> Result<Option<T>, SettingsError> {
    text.map(|text| text.parse().map_err(|error: T::Err| SettingsError::of(key, error))).transpose()
}
