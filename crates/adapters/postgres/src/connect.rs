//! How connections are opened: the one place that talks to the driver.

use std::fmt;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use diesel_async::AsyncPgConnection;
use icp_ports::RepositoryError;
use tokio::net::lookup_host;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::database::{Limits, PostgresSettings};
use crate::error::CannotConnect;
use crate::url::{self, InvalidUrl};

/// How long a request waits for the successor of a connection that has reached its age.
const RENEWAL_LIMIT: Duration = Duration::from_millis(1_500);
/// How long the cancellation of a statement may take.
const CANCEL_LIMIT: Duration = Duration::from_secs(2);

/// Everything that it takes to connect. Clones share it.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Inner>);

struct Inner {
    /// One for each host in the URL.
    hosts: Vec<Config>,
    /// The address to begin with, among those of all hosts: the one that was reached last, or the one after those that
    /// were not.
    first: AtomicUsize,
    /// `None` if connections are not encrypted.
    tls: Option<MakeRustlsConnect>,
    password_file: Option<PathBuf>,
    limits: Limits,
    /// Connections of an earlier generation are replaced.
    generation: AtomicU64,
    /// One for each attempt to connect that is in progress.
    attempts: Arc<()>,
}

impl Connector {
    pub(crate) fn new(settings: &PostgresSettings) -> Result<Self, InvalidUrl> {
        let (hosts, tls) = url::parse(&settings.url, &settings.limits)?;
        Ok(Self(Arc::new(Inner {
            hosts,
            first: AtomicUsize::new(0),
            tls: tls.connector()?,
            password_file: settings.password_file.clone(),
            limits: settings.limits,
            generation: AtomicU64::new(0),
            attempts: Arc::default(),
        })))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn hosts(&self) -> usize {
        self.0.hosts.len()
    }

    /// Returns true while an attempt to connect is in progress.
    pub(crate) fn is_connecting(&self) -> bool {
        Arc::strong_count(&self.0.attempts) > 1
    }

    /// Has every open connection replaced before its next use.
    pub(crate) fn replace_all(&self) {
        self.0.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Connects to the first address that accepts the session. Each has the whole time limit for itself.
    pub(crate) async fn connect(&self) -> Result<Connection, RepositoryError> {
        let _attempt = Arc::clone(&self.0.attempts);
        let password = self.password().await?;
        let addresses = self.addresses(password.as_deref()).await?;
        let first = self.0.first.load(Ordering::Relaxed);
        let mut failure = None;
        for index in (0..addresses.len()).map(|offset| (first + offset) % addresses.len()) {
            let Some(address) = addresses.get(index) else { continue };
            match timeout(self.limits().connect, self.open(address)).await {
                Ok(Ok(connection)) => {
                    self.0.first.store(index, Ordering::Relaxed);
                    return Ok(connection);
                }
                Ok(Err(error)) => failure = Some(cannot_connect(address, &with_causes(error.as_ref()))),
                Err(_) => {
                    let limit = self.limits().connect;
                    failure = Some(cannot_connect(address, &format!("no answer within {limit:?}")));
                }
            }
            // A request that is given up now leaves the next one to begin with the next address.
            self.0.first.store((index + 1) % addresses.len(), Ordering::Relaxed);
        }
        Err(failure.unwrap_or_else(|| RepositoryError::Unavailable("the URL names no host".into())))
    }

    async fn password(&self) -> Result<Option<String>, RepositoryError> {
        let Some(file) = &self.0.password_file else { return Ok(None) };
        let password = tokio::fs::read_to_string(file).await.map_err(|error| {
            let message = format!("the password file {} cannot be read: {error}", file.display());
            RepositoryError::Unavailable(message.into())
        })?;
        // Files end with a line break, and no password does.
        Ok(Some(password.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Resolves the hosts. One that cannot be resolved is left out while there is another.
    async fn addresses(&self, password: Option<&str>) -> Result<Vec<Config>, RepositoryError> {
        let (mut addresses, mut failure) = (Vec::new(), None);
        for host in &self.0.hosts {
            let mut config = host.clone();
            if let Some(password) = password {
                config.password(password);
            }
            match resolve(&config).await {
                // A socket, or an address in `hostaddr`.
                Ok(None) => addresses.push(config),
                Ok(Some(found)) => addresses.extend(found.into_iter().map(|address| {
                    let mut config = config.clone();
                    config.hostaddr(address.ip());
                    config
                })),
                Err(error) => failure = Some(cannot_connect(&config, &error)),
            }
        }
        failure.filter(|_| addresses.is_empty()).map_or(Ok(addresses), Err)
    }

    async fn open(&self, config: &Config) -> Result<Connection, BoxError> {
        match &self.0.tls {
            None => self.open_with(config, NoTls).await,
            Some(tls) => self.open_with(config, tls.clone()).await,
        }
    }

    async fn open_with<T>(&self, config: &Config, tls: T) -> Result<Connection, BoxError>
    where
        T: MakeTlsConnect<Socket, Stream: Send + 'static>,
    {
        // Before it is opened: what happens meanwhile counts for it.
        let generation = self.0.generation.load(Ordering::Relaxed);
        let (client, driver) = config.connect(tls).await?;
        let closed = Arc::new(AtomicBool::new(false));
        let on_close = SetOnDrop(Arc::clone(&closed));
        tokio::spawn(async move {
            let _on_close = on_close;
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a connection to PostgreSQL broke");
            }
        });
        let diesel = AsyncPgConnection::try_from(client).await?;
        Ok(Connection { diesel, closed, opened: Instant::now(), generation })
    }

    /// Asks the server to end the statement that runs on a connection.
    pub(crate) async fn cancel(&self, connection: &Connection) {
        let token = connection.diesel.cancel_token();
        let cancelling = async {
            match &self.0.tls {
                None => token.cancel_query(NoTls).await,
                Some(tls) => token.cancel_query(tls.clone()).await,
            }
        };
        if let Ok(Err(error)) = timeout(CANCEL_LIMIT, cancelling).await {
            tracing::debug!(%error, "a statement could not be cancelled");
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Returns the addresses of a host that has a name.
async fn resolve(config: &Config) -> Result<Option<Vec<SocketAddr>>, std::io::Error> {
    let (Some(Host::Tcp(name)), true) = (config.get_hosts().first(), config.get_hostaddrs().is_empty())
    else {
        return Ok(None);
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    Ok(Some(lookup_host((name.as_str(), port)).await?.collect()))
}

/// Returns the message of an error and those of its causes.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn cannot_connect(config: &Config, reason: &dyn fmt::Display) -> RepositoryError {
    RepositoryError::Unavailable(CannotConnect { host: place(config), reason: reason.to_string() }.into())
}

/// `db.example.com:5432`, with the address that was tried.
fn place(config: &Config) -> String {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => format!("{name}:{port}"),
        Some(Host::Unix(path)) => format!("{}, port {port}", path.display()),
        None => format!("port {port}"),
    };
    match config.get_hostaddrs().first() {
        Some(address) if !host.contains(&address.to_string()) => format!("{host} ({address})"),
        _ => host,
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.0.hosts.first().and_then(Config::get_dbname);
        let hosts: Vec<_> = self.0.hosts.iter().map(place).collect();
        formatter.debug_struct("Connector").field("hosts", &hosts).field("database", &database).finish()
    }
}

/// An open connection.
pub(crate) struct Connection {
    diesel: AsyncPgConnection,
    closed: Arc<AtomicBool>,
    opened: Instant,
    generation: u64,
}

impl Connection {
    /// The connection alone, for a task that keeps it to its end.
    pub(crate) fn into_inner(self) -> AsyncPgConnection {
        self.diesel
    }
}

impl Deref for Connection {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.diesel
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.diesel
    }
}

/// Tells that a connection is closed, however its task ends.
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Manager for Connector {
    type Type = Connection;
    type Error = RepositoryError;

    async fn create(&self) -> Result<Connection, RepositoryError> {
        self.connect().await
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<RepositoryError> {
        let is_current = connection.generation == self.0.generation.load(Ordering::Relaxed);
        if connection.closed.load(Ordering::Acquire) || !is_current {
            return Err(RecycleError::message("it is closed, or leads to a server that takes no writes"));
        }
        if connection.opened.elapsed() > self.limits().connection_lifetime {
            match timeout(RENEWAL_LIMIT, self.connect()).await {
                Ok(Ok(new)) => *connection = new,
                // It serves on until a new one can be opened.
                Ok(Err(_)) | Err(_) => connection.opened = Instant::now(),
            }
        }
        Ok(())
    }
}
