use std::error::Error;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use tokio::net::lookup_host;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::url::{self, InvalidUrl};

/// Timeout of a request to cancel a statement.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens connections. Clones share their state.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

struct Inner {
    /// The configurations of the hosts in the URL.
    hosts: Vec<Config>,
    /// `None` if connections are not encrypted.
    tls: Option<MakeRustlsConnect>,
    password_file: Option<PathBuf>,
    /// Timeout of an attempt to connect to one address.
    timeout: Duration,
    /// The index of the address that is tried first, among the addresses of all hosts. After a success, it is the
    /// index of the address that accepted the session. After a failure, it is the index of the next address.
    first_index: AtomicUsize,
}

/// An open connection.
pub struct Connection {
    /// The connection for diesel.
    pub diesel: AsyncPgConnection,
    /// The task that reads and writes the socket. It ends when the connection is closed.
    socket_task: JoinHandle<()>,
}

impl Connection {
    /// Returns true if the connection is closed.
    pub fn is_closed(&self) -> bool {
        self.socket_task.is_finished()
    }
}

/// The reason why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The host cannot be resolved, or its server cannot be reached or does not accept the session.
    #[error("cannot connect to PostgreSQL at {host}: {reason}")]
    Server {
        /// The host and the port, with the address that was tried if it differs from the host.
        host: String,
        /// The message of the error with the messages of its causes, or that there was no response in time.
        reason: String,
    },
    /// The file with the password cannot be read.
    #[error("the password file {} cannot be read: {error}", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// There is no address to connect to. This does not occur, because a URL without a host means `localhost`.
    #[error("there is no address to connect to")]
    NoHost,
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Connector {
    /// Creates a connector for the hosts in `url`. A password file takes precedence over the password in the URL, and
    /// is read for each connection. `timeout` limits the attempt to open a session at one address.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if the URL is invalid or not supported, or if the trusted certificates cannot be loaded.
    pub fn new(url: &str, password_file: Option<PathBuf>, timeout: Duration) -> Result<Self, InvalidUrl> {
        let (hosts, tls) = url::parse(url, timeout)?;
        let (tls, first_index) = (tls.connector()?, AtomicUsize::new(0));
        Ok(Self(Arc::new(Inner { hosts, tls, password_file, timeout, first_index })))
    }

    /// Returns the number of hosts in the URL.
    pub fn host_count(&self) -> usize {
        self.0.hosts.len()
    }

    /// Tries one address after the other, and returns a connection to the first address that accepts the session.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the password file cannot be read, if no host can be resolved, or if no address accepts the
    /// session. In the last case, it has the error of the address that was tried last.
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        let addresses = self.addresses().await?;
        let (first_index, limit) = (self.0.first_index.load(Ordering::Relaxed), self.0.timeout);
        let mut failure = ConnectError::NoHost;
        for index in (0..addresses.len()).map(|offset| (first_index + offset) % addresses.len()) {
            let Some(address) = addresses.get(index) else { continue };
            failure = match timeout(limit, self.open(address)).await {
                Ok(Ok(connection)) => {
                    self.0.first_index.store(index, Ordering::Relaxed);
                    return Ok(connection);
                }
                Ok(Err(error)) => cannot_connect(address, &with_causes(error.as_ref())),
                Err(_) => cannot_connect(address, &format!("no response within {limit:?}")),
            };
            // The index is stored after each failed attempt, because the caller may drop this future during a later
            // attempt. The next call then begins after the address that failed.
            self.0.first_index.store((index + 1) % addresses.len(), Ordering::Relaxed);
        }
        Err(failure)
    }

    /// Returns one configuration for each address of each host, and one for a host that needs no resolution (a Unix
    /// socket or `hostaddr`). Fails if the password file cannot be read, or if no
    /// host can be resolved.
    async fn addresses(&self) -> Result<Vec<Config>, ConnectError> {
        let password = match &self.0.password_file {
            // The file is read for each connection, so that a new password needs no restart.
            Some(path) => Some(
                tokio::fs::read_to_string(path)
                    .await
                    .map_err(|error| ConnectError::PasswordFile { path: path.clone(), error })?,
            ),
            None => None,
        };
        let (mut addresses, mut failure) = (Vec::new(), None);
        for host in &self.0.hosts {
            let mut config = host.clone();
            if let Some(password) = &password {
                // Editors add a line break at the end of the file, which is not part of the password.
                config.password(password.trim_end_matches(['\r', '\n']));
            }
            match resolve(&config).await {
                Ok(resolved) if resolved.is_empty() => addresses.push(config),
                Ok(resolved) => addresses.extend(resolved.into_iter().map(|address| {
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
        let (client, connection) = config.connect(tls).await?;
        let socket_task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "lost a connection to PostgreSQL");
            }
        });
        let diesel = AsyncPgConnection::try_from(client).await?;
        Ok(Connection { diesel, socket_task })
    }

    /// Asks the server to cancel the statement that runs on `connection`.
    pub async fn cancel(&self, connection: &Connection) {
        let token = connection.diesel.cancel_token();
        let cancelling = async {
            match &self.0.tls {
                None => token.cancel_query(NoTls).await,
                Some(tls) => token.cancel_query(tls.clone()).await,
            }
        };
        if let Ok(Err(error)) = timeout(CANCEL_TIMEOUT, cancelling).await {
            tracing::debug!(%error, "cannot cancel a statement");
        }
    }
}

/// Returns the addresses of a host name. Returns no address if `config` has a Unix socket or `hostaddr`.
async fn resolve(config: &Config) -> Result<Vec<SocketAddr>, std::io::Error> {
    match config.get_hosts().first() {
        Some(Host::Tcp(name)) if config.get_hostaddrs().is_empty() => {
            Ok(lookup_host((name.as_str(), 0)).await?.collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// Returns the messages of an error and its causes.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn cannot_connect(config: &Config, reason: &dyn Display) -> ConnectError {
    let name = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => String::new(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let address = config.get_hostaddrs().first().map(ToString::to_string).filter(|address| *address != name);
    let address = address.map(|address| format!(" ({address})")).unwrap_or_default();
    let host = format!("{name}:{port}{address}");
    ConnectError::Server { host, reason: reason.to_string() }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").finish_non_exhaustive()
    }
}
