//! The composition root: the one place that names adapters, and chooses among them by the settings.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use icp_clerk::{
    AdminRule, ClaimPointer, ClerkAuthenticator, ClerkSettings, KeySetSettings, KeySetStatus, KeySetUrl,
    KeySource, OAuthResource, PublicKey, PublishableKey, SessionCookie,
};
use icp_ports::{Authenticator, IcpReader, IcpRepository, ImportExport, Migrator, SystemClock};
use icp_postgres::{Limits, PoolStatus, PostgresDatabase, PostgresReplica, PostgresSettings};
use icp_sqlite::{SqliteDatabase, SqliteSettings};
use secrecy::{ExposeSecret as _, SecretString};

use crate::development::{self, DevelopmentKey};
use crate::metrics::{Reading, Source, Value};
use crate::settings::{
    AuthSettings, ClerkKeys, DatabaseCopy, DatabaseLocation, DatabaseSettings, McpSettings, ServedDatabase,
    Settings, SettingsError, SignIn,
};

/// The ports of one database.
pub(crate) struct Storage {
    /// What each worker reads from and writes to, on its own connections. There can be fewer of them than workers, which
    /// then share them.
    pub(crate) workers: Vec<WorkerStorage>,
    /// The repository for everything else: chores, and the port for operators.
    pub(crate) repository: Arc<dyn IcpRepository>,
    /// How long a user who has written reads from the primary.
    pub(crate) own_writes: Duration,
    pub(crate) import_export: Arc<dyn ImportExport>,
    pub(crate) migrator: Arc<dyn Migrator>,
    pub(crate) readings: Source,
}

/// The ports of one worker.
pub(crate) struct WorkerStorage {
    pub(crate) repository: Arc<dyn IcpRepository>,
    /// A replica to read from, if there is one.
    pub(crate) replica: Option<Arc<dyn IcpReader>>,
}

/// Opens the database that the settings name, for a number of workers. Must be called within a runtime.
pub(crate) async fn storage(settings: &DatabaseSettings, workers: usize) -> anyhow::Result<Storage> {
    match &settings.location {
        DatabaseLocation::Sqlite(path) => {
            let settings = SqliteSettings { path: path.clone(), max_connections: settings.max_connections };
            let database = Arc::new(SqliteDatabase::open(settings).await?);
            Ok(Storage {
                workers: vec![WorkerStorage { repository: database.clone(), replica: None }],
                repository: database.clone(),
                own_writes: Duration::ZERO,
                import_export: database.clone(),
                migrator: database,
                readings: Arc::new(Vec::new),
            })
        }
        DatabaseLocation::Postgres(served) => {
            Ok(postgres_storage(served, settings.max_connections, workers)?)
        }
    }
}

fn postgres_storage(
    settings: &ServedDatabase,
    max_connections: usize,
    workers: usize,
) -> Result<Storage, SettingsError> {
    let (databases, other) = postgres(settings, max_connections, workers)?;
    let replicas = match &settings.copy {
        None => Vec::new(),
        Some(copy) => replicas(settings, copy, max_connections, &databases)?,
    };
    let own_writes = settings.copy.as_ref().map_or(Duration::ZERO, |copy| copy.own_writes);
    let readings = postgres_readings(other.clone(), replicas.first().cloned());
    let mut replicas = replicas.into_iter();
    let workers = databases.into_iter().map(|database| WorkerStorage {
        repository: Arc::new(database),
        replica: replicas.next().map(|replica| Arc::new(replica) as Arc<dyn IcpReader>),
    });
    let other = Arc::new(other);
    Ok(Storage {
        workers: workers.collect(),
        repository: other.clone(),
        own_writes,
        import_export: other.clone(),
        migrator: other,
        readings,
    })
}

/// A handle for each worker, and one for everything else.
fn postgres(
    settings: &ServedDatabase,
    max_connections: usize,
    workers: usize,
) -> Result<(Vec<PostgresDatabase>, PostgresDatabase), SettingsError> {
    let settings = postgres_settings(settings, &settings.url, max_connections);
    PostgresDatabase::for_workers(&settings, workers)
        .map_err(|error| SettingsError::of("database.url", error))
}

fn postgres_copy(
    settings: &ServedDatabase,
    copy: &DatabaseCopy,
    max_connections: usize,
    workers: usize,
) -> Result<Vec<PostgresDatabase>, SettingsError> {
    let settings = postgres_settings(settings, &copy.url, max_connections);
    let databases = PostgresDatabase::for_workers(&settings, workers);
    let (databases, other) = databases.map_err(|error| SettingsError::of("database.read_url", error))?;
    if other.hosts() > 1 {
        // The lag of each would have to be known.
        return Err(SettingsError::of("database.read_url", "must name one host"));
    }
    Ok(databases)
}

/// A replica for each worker, watched by one monitor.
fn replicas(
    settings: &ServedDatabase,
    copy: &DatabaseCopy,
    max_connections: usize,
    primaries: &[PostgresDatabase],
) -> Result<Vec<PostgresReplica>, SettingsError> {
    let standbys = postgres_copy(settings, copy, max_connections, primaries.len())?;
    let mut replicas: Vec<PostgresReplica> = Vec::new();
    for (primary, standby) in primaries.iter().cloned().zip(standbys.into_iter().cycle()) {
        replicas.push(match replicas.first() {
            None => PostgresReplica::start(primary, standby, copy.max_lag),
            Some(first) => first.for_worker(primary, standby),
        });
    }
    Ok(replicas)
}

#[expect(clippy::cast_precision_loss, reason = "there are a few connections")]
fn postgres_readings(database: PostgresDatabase, replica: Option<PostgresReplica>) -> Source {
    let gauge = |name, help, labels, value| Reading { name, help, labels, value: Value::Gauge(value) };
    Arc::new(move || {
        let PoolStatus { open, in_use, max } = database.pool_status();
        let mut readings = vec![
            gauge(
                "database_connections",
                "Connections to the database",
                &[("state", "open")] as &[_],
                open as f64,
            ),
            gauge(
                "database_connections",
                "Connections to the database",
                &[("state", "in_use")],
                in_use as f64,
            ),
            gauge("database_connections", "Connections to the database", &[("state", "max")], max as f64),
        ];
        readings.extend(replica.as_ref().map(|replica| {
            let is_used = if replica.is_used() { 1.0 } else { 0.0 };
            gauge("replica_used", "Whether reads go to the replica", &[], is_used)
        }));
        readings
    })
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
        limits: Limits {
            connect: settings.connect_timeout,
            statement: settings.statement_timeout,
            acquire: settings.acquire_timeout,
            connection_lifetime: settings.connection_lifetime,
        },
    }
}

/// The same for commands, and for those that only read: an embedded database that does not exist is not created.
pub(crate) async fn existing_storage(settings: &DatabaseSettings) -> anyhow::Result<Storage> {
    if let DatabaseLocation::Sqlite(path) = &settings.location {
        let exists = path.try_exists().with_context(|| format!("cannot look for {}", path.display()))?;
        ensure!(exists, "there is no database at {}", path.display());
    }
    storage(settings, 1).await
}

/// The authenticators, and what belongs to them.
pub(crate) struct Authenticators {
    /// Accepts session tokens.
    pub(crate) api: Arc<dyn Authenticator>,
    /// Accepts OAuth access tokens as well, if the endpoint for assistants is a protected resource.
    pub(crate) mcp: Arc<dyn Authenticator>,
    /// The issuer of the tokens.
    pub(crate) issuer: String,
    pub(crate) readings: Source,
}

/// Creates the authenticators. Must be called within a runtime, on which keys are fetched.
pub(crate) fn authenticators(settings: &AuthSettings, mcp: &McpSettings) -> anyhow::Result<Authenticators> {
    let settings = clerk_settings(settings)?;
    let issuer = settings.issuer.clone();
    let api = ClerkAuthenticator::start(settings, Arc::new(SystemClock));
    let api = Arc::new(api.context("the sign-in cannot be set up")?);
    let mcp: Arc<dyn Authenticator> = match &mcp.resource {
        None => api.clone(),
        Some(url) => Arc::new(api.for_resource(OAuthResource {
            url: url.clone(),
            client_ids: mcp.oauth_client_ids.clone(),
            required_scopes: mcp.required_scopes.clone(),
        })),
    };
    let readings = {
        let api = Arc::clone(&api);
        Arc::new(move || api.key_set_status().map_or_else(Vec::new, key_set_readings))
    };
    Ok(Authenticators { api, mcp, issuer, readings })
}

fn key_set_readings(status: KeySetStatus) -> Vec<Reading> {
    let fetches = |labels, count| Reading {
        name: "key_set_fetches",
        help: "Fetches of the key set",
        labels,
        value: Value::Counter(count),
    };
    let mut readings =
        vec![fetches(&[("outcome", "ok")], status.fetched), fetches(&[("outcome", "failed")], status.failed)];
    readings.extend(status.age.map(|age| Reading {
        name: "key_set_age_seconds",
        help: "Age of the key set in use",
        labels: &[],
        value: Value::Gauge(age.as_secs_f64()),
    }));
    readings
}

/// Checks what only the adapters can read: the texts of keys, URLs and pointers.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    if let DatabaseLocation::Postgres(database) = &settings.database.location {
        postgres(database, 1, 1)?;
        database.copy.as_ref().map(|copy| postgres_copy(database, copy, 1, 1)).transpose()?;
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
            let implied = || Some(publishable_key.as_ref()?.issuer().to_owned());
            let issuer = keys.issuer.clone().or_else(implied);
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
        token_cache_size: settings.token_cache_size,
    })
}

/// A PEM key goes before a key set, and a URL before what the publishable key or the issuer implies.
fn key_source(
    keys: &ClerkKeys,
    publishable_key: Option<&PublishableKey>,
    issuer: &str,
) -> Result<KeySource, SettingsError> {
    if let Some(pem) = parse::<PublicKey>("auth.jwt_key", keys.jwt_key.as_deref())? {
        return Ok(KeySource::Pem(pem));
    }
    let url = match (parse::<KeySetUrl>("auth.jwks_url", keys.jwks_url.as_deref())?, publishable_key) {
        (Some(url), _) => url,
        (None, Some(key)) => key.key_set_url().clone(),
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
