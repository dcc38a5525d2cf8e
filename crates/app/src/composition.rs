//! The composition root: the only file that names adapters. The settings select them.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use icp_clerk::{
    AdminRule, ClaimPointer, ClerkAuthenticator, ClerkSettings, KeySetSettings, KeySetStatus, KeySetUrl,
    KeySource, OAuthResource, PublicKey, PublishableKey, SessionCookie,
};
use icp_development::{self as development, DevelopmentKey};
use icp_ports::{Authenticator, ForgetUser, IcpReader, IcpRepository, ImportExport, Migrator, SystemClock};
use icp_postgres::{Limits, PoolStatus, PostgresDatabase, PostgresReplica, PostgresSettings};
use icp_sqlite::{SqliteDatabase, SqliteSettings};
use secrecy::{ExposeSecret as _, SecretString};

use icp_observability::{Reading, Source, Value};
use icp_settings::{AuthSettings, DatabaseKind, DatabaseSettings, McpSettings, Settings, SettingsError};

/// The ports of one database.
pub(crate) struct Storage {
    /// The ports of the workers. Each entry has its own connections. If there are fewer entries than workers, several
    /// workers share an entry.
    pub(crate) workers: Vec<WorkerStorage>,
    /// The repository that commands, periodic tasks and the server for operators use.
    pub(crate) repository: Arc<dyn IcpRepository>,
    /// The time for which a user reads from the primary after a write.
    pub(crate) read_own_writes: Duration,
    pub(crate) import_export: Arc<dyn ImportExport>,
    pub(crate) forget_user: Arc<dyn ForgetUser>,
    pub(crate) migrator: Arc<dyn Migrator>,
    /// The metrics of the connections and of the replica. SQLite has none.
    pub(crate) readings: Source,
}

/// The ports of one worker.
pub(crate) struct WorkerStorage {
    pub(crate) repository: Arc<dyn IcpRepository>,
    /// The replica to read from, if there is one.
    pub(crate) replica: Option<Arc<dyn IcpReader>>,
}

/// Opens the configured database for this number of workers. Must be called within a Tokio runtime.
pub(crate) async fn open_storage(settings: &DatabaseSettings, workers: usize) -> anyhow::Result<Storage> {
    match settings.kind()? {
        DatabaseKind::Sqlite(path) => {
            let sqlite = SqliteSettings { path, max_connections: settings.max_connections };
            let database = SqliteDatabase::open(sqlite).await.with_context(|| settings.failure_message())?;
            let database = Arc::new(database);
            Ok(Storage {
                workers: vec![WorkerStorage { repository: database.clone(), replica: None }],
                repository: database.clone(),
                read_own_writes: Duration::ZERO,
                import_export: database.clone(),
                forget_user: database.clone(),
                migrator: database,
                readings: Arc::new(Vec::new),
            })
        }
        DatabaseKind::Postgres => Ok(postgres_storage(settings, workers)?),
    }
}

fn postgres_storage(settings: &DatabaseSettings, workers: usize) -> Result<Storage, SettingsError> {
    let (primaries, for_other_tasks) = open_primaries(settings, workers)?;
    let replicas = match &settings.read_url {
        None => Vec::new(),
        Some(url) => create_replicas(settings, url, &primaries)?,
    };
    let readings = postgres_readings(for_other_tasks.clone(), replicas.first().cloned());
    let mut replicas = replicas.into_iter();
    let workers = primaries.into_iter().map(|database| WorkerStorage {
        repository: Arc::new(database),
        replica: replicas.next().map(|replica| Arc::new(replica) as Arc<dyn IcpReader>),
    });
    let for_other_tasks = Arc::new(for_other_tasks);
    Ok(Storage {
        workers: workers.collect(),
        repository: for_other_tasks.clone(),
        read_own_writes: settings.read_own_writes,
        import_export: for_other_tasks.clone(),
        forget_user: for_other_tasks.clone(),
        migrator: for_other_tasks,
        readings,
    })
}

/// Returns a handle of the primary for each worker or group of workers, and a further handle for all other tasks.
fn open_primaries(
    settings: &DatabaseSettings,
    workers: usize,
) -> Result<(Vec<PostgresDatabase>, PostgresDatabase), SettingsError> {
    PostgresDatabase::for_workers(&postgres_settings(settings, &settings.url), workers)
        .map_err(|error| SettingsError::of("database.url", error))
}

/// Returns the handles of the standby. Fails if the URL names several hosts, because the service measures the lag of
/// only one host.
fn open_standbys(
    settings: &DatabaseSettings,
    url: &SecretString,
    workers: usize,
) -> Result<Vec<PostgresDatabase>, SettingsError> {
    let databases = PostgresDatabase::for_workers(&postgres_settings(settings, url), workers);
    let (databases, other) = databases.map_err(|error| SettingsError::of("database.read_url", error))?;
    if other.host_count() > 1 {
        return Err(SettingsError::of("database.read_url", "must name one host"));
    }
    Ok(databases)
}

/// Returns a replica for each handle of the primary. The replicas share one monitor of the lag.
fn create_replicas(
    settings: &DatabaseSettings,
    url: &SecretString,
    primaries: &[PostgresDatabase],
) -> Result<Vec<PostgresReplica>, SettingsError> {
    let standbys = open_standbys(settings, url, primaries.len())?;
    let mut replicas: Vec<PostgresReplica> = Vec::new();
    for (primary, standby) in primaries.iter().cloned().zip(standbys.into_iter().cycle()) {
        replicas.push(match replicas.first() {
            None => PostgresReplica::start(primary, standby, settings.read_max_lag),
            Some(first) => first.for_worker(primary, standby),
        });
    }
    Ok(replicas)
}

#[expect(clippy::cast_precision_loss, reason = "the number of connections is small")]
fn postgres_readings(database: PostgresDatabase, replica: Option<PostgresReplica>) -> Source {
    let gauge = |name, help, labels, value| Reading { name, help, labels, value: Value::Gauge(value) };
    Arc::new(move || {
        let PoolStatus { open, in_use, max } = database.pool_status();
        let states: [(&'static [_], _); 3] =
            [(&[("state", "open")], open), (&[("state", "in_use")], in_use), (&[("state", "max")], max)];
        let connections = |(labels, count): (_, usize)| {
            gauge("database_connections", "Connections to the database", labels, count as f64)
        };
        let mut readings: Vec<_> = states.into_iter().map(connections).collect();
        readings.extend(replica.as_ref().map(|replica| {
            let is_used = if replica.is_used() { 1.0 } else { 0.0 };
            gauge("replica_used", "Whether reads go to the replica", &[], is_used)
        }));
        readings
    })
}

fn postgres_settings(settings: &DatabaseSettings, url: &SecretString) -> PostgresSettings {
    PostgresSettings {
        url: url.expose_secret().to_owned(),
        password_file: settings.password_file.clone(),
        max_connections: settings.max_connections,
        limits: Limits {
            connect: settings.connect_timeout,
            statement: settings.statement_timeout,
            acquire: settings.acquire_timeout,
            connection_lifetime: settings.connection_lifetime,
        },
    }
}

/// Opens an existing database. Fails if the SQLite file does not exist. [`open_storage`] would create it.
pub(crate) async fn open_existing_storage(settings: &DatabaseSettings) -> anyhow::Result<Storage> {
    if let DatabaseKind::Sqlite(path) = settings.kind()? {
        let exists = path.try_exists().with_context(|| format!("cannot look for {}", path.display()))?;
        ensure!(exists, "{}: no database at {}", settings.failure_message(), path.display());
    }
    open_storage(settings, 1).await
}

/// The authenticators, the issuer of their tokens, and the metrics of their key set.
pub(crate) struct Authenticators {
    /// Accepts session tokens.
    pub(crate) api: Arc<dyn Authenticator>,
    /// Also accepts OAuth access tokens, if the endpoint for assistants is a protected resource.
    pub(crate) mcp: Arc<dyn Authenticator>,
    pub(crate) issuer: String,
    pub(crate) readings: Source,
}

/// Creates the authenticators. Must be called within a Tokio runtime, because a background task fetches the keys.
pub(crate) fn create_authenticators(
    settings: &AuthSettings,
    mcp: &McpSettings,
) -> anyhow::Result<Authenticators> {
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
    let mut readings = vec![
        fetches(&[("outcome", "ok")], status.success_count),
        fetches(&[("outcome", "failed")], status.failure_count),
    ];
    readings.extend(status.age.map(|age| Reading {
        name: "key_set_age_seconds",
        help: "Age of the last fetched key set",
        labels: &[],
        value: Value::Gauge(age.as_secs_f64()),
    }));
    readings
}

/// Checks the settings that only the adapters can parse: keys, URLs and pointers.
pub(crate) fn check_adapter_settings(settings: &Settings) -> anyhow::Result<()> {
    let database = &settings.database;
    if database.kind()? == DatabaseKind::Postgres {
        open_primaries(database, 1)?;
        database.read_url.as_ref().map(|url| open_standbys(database, url, 1)).transpose()?;
    }
    if settings.auth.is_clerk() {
        clerk_settings(&settings.auth).map(drop)
    } else {
        // Does not call `clerk_settings`, which would create the development key.
        admin_rule(&settings.auth).map(drop)
    }
}

fn clerk_settings(settings: &AuthSettings) -> anyhow::Result<ClerkSettings> {
    let publishable_key: Option<PublishableKey> =
        parse("auth.publishable_key", settings.publishable_key.as_deref())?;
    let (issuer, keys) = if settings.is_clerk() {
        let implied = || Some(publishable_key.as_ref()?.issuer().to_owned());
        let issuer = settings.issuer.clone().or_else(implied).context("no issuer is set")?;
        let keys = key_source(settings, publishable_key.as_ref(), &issuer)?;
        (issuer, keys)
    } else {
        let key = DevelopmentKey::load_or_create()?;
        (development::ISSUER.to_owned(), KeySource::Pem(key.public_pem().parse()?))
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

/// Returns the source of the keys. A PEM key takes precedence over a key set. A configured URL takes precedence over
/// the URL that follows from the publishable key or the issuer.
fn key_source(
    settings: &AuthSettings,
    publishable_key: Option<&PublishableKey>,
    issuer: &str,
) -> Result<KeySource, SettingsError> {
    if let Some(pem) = parse::<PublicKey>("auth.jwt_key", settings.jwt_key.as_deref())? {
        return Ok(KeySource::Pem(pem));
    }
    let url = match (parse::<KeySetUrl>("auth.jwks_url", settings.jwks_url.as_deref())?, publishable_key) {
        (Some(url), _) => url,
        (None, Some(key)) => key.key_set_url().clone(),
        (None, None) => {
            let url = format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/'));
            url.parse().map_err(|error| SettingsError::of("auth.issuer", error))?
        }
    };
    Ok(KeySource::KeySet(KeySetSettings {
        url,
        lifetime: settings.jwks_lifetime,
        cooldown: settings.jwks_cooldown,
    }))
}

fn admin_rule(settings: &AuthSettings) -> anyhow::Result<AdminRule> {
    let default = (!settings.is_clerk()).then_some(development::ADMIN_CLAIM);
    let claim: Option<ClaimPointer> = parse("auth.admin_claim", settings.admin_claim.as_deref().or(default))?;
    Ok(AdminRule { user_ids: settings.admin_user_ids.clone(), claim })
}

fn parse<T: FromStr<Err: std::fmt::Display>>(
    key: &str,
    text: Option<&str>,
) -> Result<Option<T>, SettingsError> {
    text.map(|text| text.parse().map_err(|error: T::Err| SettingsError::of(key, error))).transpose()
}
