//! How connections are made.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use icp_ports::RepositoryError;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{driver_failed, timed_out};
use crate::limits::Limits;
use crate::snapshots;

/// Reads and writes the socket of a connection until it ends.
pub(crate) type Driver = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Everything it takes to connect. Clones share it.
#[derive(Clone)]
pub(crate) struct Connector {
    inner: Arc<Inner>,
    plans_once: bool,
}

pub(crate) struct Inner {
    /// One for each host.
    pub(crate) hosts: Vec<Config>,
    /// The one that did last.
    pub(crate) last: AtomicUsize,
    /// `None` where connections are not encrypted.
    pub(crate) tls: Option<MakeRustlsConnect>,
    /// Read for each connection, so that a new password needs no restart.
    pub(crate) password_file: Option<PathBuf>,
    /// Whether statements are prepared, and the session is ours: not so behind a pooler that gives each transaction another.
    pub(crate) prepared_statements: bool,
    pub(crate) limits: Limits,
}

impl Connector {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner), plans_once: false }
    }

    /// For connections whose every statement has one good plan, whatever its values: it is planned once.
    pub(crate) fn planning_once(&self) -> Self {
        Self { plans_once: true, ..self.clone() }
    }

    pub(crate) fn hosts(&self) -> &[Config] {
        &self.inner.hosts
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) fn prepares(&self) -> bool {
        self.inner.prepared_statements
    }

    /// Connects to the first of several hosts that will do, beginning with the one that did last.
    pub(crate) async fn connect(&self) -> Result<(Client, Driver), RepositoryError> {
        let count = self.inner.hosts.len();
        let last = self.inner.last.load(Ordering::Relaxed);
        let mut failure = RepositoryError::Unavailable("the URL names no host".into());
        for index in (last..last + count).map(|index| index % count) {
            let Some(host) = self.inner.hosts.get(index) else { continue };
            let limit = self.inner.limits.connect;
            match timeout(limit, self.connect_to(host.clone())).await {
                Ok(Ok(connected)) => {
                    self.inner.last.store(index, Ordering::Relaxed);
                    return Ok(connected);
                }
                Ok(Err(error)) => failure = error,
                Err(_) => failure = timed_out(limit),
            }
        }
        Err(failure)
    }

    async fn connect_to(&self, mut config: Config) -> Result<(Client, Driver), RepositoryError> {
        if let Some(file) = &self.inner.password_file {
            let password = tokio::fs::read_to_string(file).await;
            let password = password.map_err(|error| {
                let place = file.display();
                RepositoryError::Unavailable(
                    format!("the password file {place} cannot be read: {error}").into(),
                )
            })?;
            // Files end with a line break, and no password does.
            config.password(password.trim_end_matches(['\r', '\n']));
        }
        match &self.inner.tls {
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(driver_failed)?;
                Ok((client, Box::pin(connection)))
            }
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await.map_err(driver_failed)?;
                Ok((client, Box::pin(connection)))
            }
        }
    }

    /// Limits on the server's side, so that it does not go on with what nobody waits for. Whoever waits for a lock holds up
    /// those behind it, and so does not do it for long. The isolation is the one that writes are made for.
    ///
    /// Behind a pooler they would be set for whoever gets the session next.
    ///
    /// Whether what is seen in a snapshot may be remembered.
    pub(crate) async fn set_up(&self, client: &Client) -> Result<bool, RepositoryError> {
        if !self.inner.prepared_statements {
            return Ok(false);
        }
        let statement = self.inner.limits.statement.as_millis();
        let lock = statement / 2;
        let plans = if self.plans_once { "force_generic_plan" } else { "auto" };
        let settings = format!(
            "SET statement_timeout = {statement}; SET lock_timeout = {lock}; \
             SET default_transaction_isolation = 'read committed'; \
             SET plan_cache_mode = {plans}; SET jit = off"
        );
        let limit = self.inner.limits.connect;
        let setting = async {
            client.batch_execute(&settings).await?;
            Ok(snapshots::say_all(client).await)
        };
        let setting = timeout(limit, setting).await;
        setting.map_err(|_| timed_out(limit))?.map_err(driver_failed)
    }
}
