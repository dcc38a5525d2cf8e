//! Builds the complete service from its settings, and runs it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use anyhow::{Context as _, bail};
use futures_util::future::{self, Either};
use icp_application::{IcpService, Replica, Retention, random_id};
use icp_observability::{Instrumented, Metrics};
use icp_ports::{IcpReader, MigrationReport, SystemClock};

use crate::composition::{self, Storage, WorkerStorage};
use crate::development_sign_in::DevelopmentSignIn;
use crate::housekeeping;
use crate::http::{
    Certificate, Concurrency, HealthChecks, HttpServer, Mcp, Options, ProtectedResource, RateLimit, State,
};
use crate::shutdown::{self, Draining};
use icp_settings::{Settings, SettingsError, TlsFiles};

/// The service, listening and ready to run.
#[derive(Debug)]
pub struct Application {
    server: HttpServer,
    /// The server with health and metrics on a separate port, if that port is configured.
    operator_server: Option<HttpServer>,
    icps: IcpService,
    rate_limit: Option<RateLimit>,
    certificate: Option<Certificate>,
    draining: Draining,
    /// The duration of the drain.
    drain: Duration,
    development_sign_in: Option<DevelopmentSignIn>,
}

impl Application {
    /// Opens the database, migrates its schema if `database.migrate` is on, sets up the sign-in, and listens. Must be
    /// called within actix's runtime.
    ///
    /// # Errors
    ///
    /// If a setting is invalid, the database cannot be used, a migration fails or is pending while `database.migrate`
    /// is off, the sample ICPs cannot be stored, the sign-in cannot be set up, or the service cannot listen on an
    /// address.
    pub async fn build(settings: &Settings) -> anyhow::Result<Self> {
        settings.check_for_serving()?;
        composition::check_adapter_settings(settings)?;
        let workers = settings.server.workers();
        let storage = composition::open_storage(&settings.database, workers).await?;
        prepare_database(settings, &storage).await?;
        warn_of_missing_authorized_parties(settings);
        let sign_in = composition::create_authenticators(&settings.auth, &settings.mcp)?;
        let metrics = Metrics::new(vec![Arc::clone(&storage.readings), sign_in.readings]);
        let repository = Arc::new(Instrumented::new(storage.repository, &metrics));
        let icps = IcpService::new(repository, Arc::new(SystemClock), random_id)
            .with_limits(settings.limits.limits())
            .with_retention(Retention { days: settings.history.retention_days })
            .with_response_buffer(settings.server.response_buffer)
            .with_list_cache(settings.server.list_cache_kilobytes * 1024);
        let rate_limit = settings.server.requests_per_minute.map(RateLimit::new);
        let development_sign_in = DevelopmentSignIn::new(&settings.auth)?;
        let draining = Draining::default();
        let (max_in_flight, response_buffer) =
            (settings.server.max_in_flight, settings.server.response_buffer);
        let mcp_authenticator = Arc::new(Instrumented::new(sign_in.mcp, &metrics));
        let state = web::Data::new(State {
            icps: icps.clone(),
            authenticator: Arc::new(Instrumented::new(sign_in.api, &metrics)),
            draining: draining.clone(),
            health_checks: HealthChecks::default(),
            concurrency: Concurrency::new(max_in_flight, response_buffer, &metrics),
            rate_limit: rate_limit.clone(),
            metrics,
            session_cookie: settings.auth.session_cookie,
            is_development: development_sign_in.is_some(),
        });
        let states = worker_states(&state, storage.workers, storage.read_own_writes);
        let operator_server = listen_for_operators(settings, &state)?;
        let certificate = settings.server.tls().as_ref().map(read_certificate).transpose()?;
        let resource = protected_resource(settings, &sign_in.issuer)?;
        let options = Options {
            tls: certificate.as_ref().map(Certificate::server_config).transpose()?,
            mcp: settings
                .mcp
                .enabled
                .then(|| Mcp::new(mcp_authenticator, &settings.server.cors_origins, resource)),
            metrics: settings.metrics.is_on_api_port(),
        };
        let (host, port) = (&settings.server.host, settings.server.port);
        let server = HttpServer::bind(&settings.server, options, states);
        let server = server.map_err(|error| listen_error("server", host, port, &error))?;
        if let Some(operator_server) = &operator_server {
            tracing::info!("health and metrics on {}", operator_server.address());
        }
        Ok(Self {
            server,
            operator_server,
            icps,
            rate_limit,
            certificate,
            draining,
            drain: settings.server.drain,
            development_sign_in,
        })
    }

    /// Returns the base URL of the service: the scheme, the host and the port.
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address())
    }

    /// Returns the address that the service listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Returns the development sign-in of the sample user, or `None` if Clerk is configured.
    pub(crate) fn development_sign_in(&self) -> Option<&DevelopmentSignIn> {
        self.development_sign_in.as_ref()
    }

    /// Serves requests until a signal stops the service. Then finishes the requests in flight, for at most
    /// `server.shutdown_seconds`, unless a second signal arrives.
    ///
    /// # Errors
    ///
    /// If the server fails.
    pub async fn run_until_stopped(self) -> anyhow::Result<()> {
        let (stop_now, stop_now_requested) = tokio::sync::oneshot::channel();
        let stopping = shutdown::on_signal(self.server.handle(), self.draining, self.drain, stop_now);
        let stopping = actix_web::rt::spawn(stopping);
        let certificate_reloads =
            self.certificate.map(|certificate| actix_web::rt::spawn(certificate.reload_on_change()));
        let housekeeping = actix_web::rt::spawn(housekeeping::run(self.icps, self.rate_limit));
        // The server for operators runs until the server of the API has stopped.
        let operator_task = self.operator_server.map(|operator_server| {
            let serving = operator_server.run();
            actix_web::rt::spawn(async move {
                if let Err(error) = serving.await {
                    tracing::error!(%error, "the port for health and metrics failed");
                }
            })
        });
        let served = match future::select(pin!(self.server.run()), stop_now_requested).await {
            Either::Left((served, _)) => served,
            Either::Right(_) => Ok(()),
        };
        stopping.abort();
        housekeeping.abort();
        for task in operator_task
            .map(|task| task.abort_handle())
            .into_iter()
            .chain(certificate_reloads.map(|task| task.abort_handle()))
        {
            task.abort();
        }
        tracing::info!("stopped");
        Ok(served?)
    }
}

/// Returns one state for each element of `workers`, with the connections of that element.
fn worker_states(
    state: &web::Data<State>,
    workers: Vec<WorkerStorage>,
    read_own_writes: Duration,
) -> Vec<web::Data<State>> {
    let mut shared_replica: Option<Replica> = None;
    let mut replica = |reader: Arc<dyn IcpReader>| {
        let reader: Arc<dyn IcpReader> = Arc::new(Instrumented::new(reader, &state.metrics));
        shared_replica
            .get_or_insert_with(|| Replica::new(Arc::clone(&reader), read_own_writes))
            .for_worker(reader)
    };
    let workers = workers.into_iter().map(|WorkerStorage { repository, replica: reader }| {
        let repository = Arc::new(Instrumented::new(repository, &state.metrics));
        let icps = state.icps.for_worker(repository, reader.map(&mut replica));
        web::Data::new(State { icps, ..State::clone(state) })
    });
    workers.collect()
}

fn listen_for_operators(settings: &Settings, state: &web::Data<State>) -> anyhow::Result<Option<HttpServer>> {
    let Some(port) = settings.metrics.port else { return Ok(None) };
    let host = settings.metrics.host.as_ref().unwrap_or(&settings.server.host);
    let server = HttpServer::bind_for_operators(&settings.server, (host, port), state.clone());
    Ok(Some(server.map_err(|error| listen_error("metrics", host, port, &error))?))
}

fn protected_resource(settings: &Settings, issuer: &str) -> Result<Option<ProtectedResource>, SettingsError> {
    let scopes = &settings.mcp.required_scopes;
    let resource =
        settings.mcp.resource.as_ref().map(|resource| ProtectedResource::new(resource, issuer, scopes));
    resource.transpose().map_err(|error| SettingsError::of("mcp.resource", error))
}

fn read_certificate(files: &TlsFiles) -> anyhow::Result<Certificate> {
    Certificate::read(files)
        .map_err(|error| SettingsError::of("server.tls_certificate", format!("{error:#}")).into())
}

fn listen_error(section: &str, host: &str, port: u16, error: &std::io::Error) -> SettingsError {
    let address = format!("{host}:{port}");
    match error.kind() {
        ErrorKind::AddrInUse => {
            SettingsError::of(&format!("{section}.port"), format!("{address} is already in use"))
        }
        _ => SettingsError::of(&format!("{section}.host"), format!("cannot listen on {address}: {error}")),
    }
}

/// Applies pending migrations if `database.migrate` is on. Otherwise fails if migrations are pending.
async fn prepare_database(settings: &Settings, storage: &Storage) -> anyhow::Result<()> {
    if settings.database.migrate {
        let report = migrate(settings, storage).await?;
        // Under the development sign-in, the start that creates the database does not log its migrations.
        let is_first_start = report.created && !settings.auth.is_clerk();
        if !report.applied.is_empty() && !is_first_start {
            tracing::info!(migrations = ?report.applied, "migrated the database");
        }
        return Ok(());
    }
    require_migrated(settings, storage).await
}

/// Fails if the database has pending migrations.
pub(crate) async fn require_migrated(settings: &Settings, storage: &Storage) -> anyhow::Result<()> {
    let pending = storage.migrator.pending().await.with_context(|| settings.database.failure_message())?;
    if !pending.is_empty() {
        bail!("the database has pending migrations: {}. Apply them with `icp migrate`", pending.join(", "));
    }
    Ok(())
}

/// Applies pending migrations. Under the development sign-in, a new database gets the sample ICPs.
pub(crate) async fn migrate(settings: &Settings, storage: &Storage) -> anyhow::Result<MigrationReport> {
    let report = storage.migrator.migrate().await.with_context(|| settings.database.failure_message())?;
    if report.created && !settings.auth.is_clerk() {
        icp_development::store_samples(storage.import_export.as_ref())
            .await
            .context("the sample ICPs cannot be stored")?;
    }
    Ok(report)
}

fn warn_of_missing_authorized_parties(settings: &Settings) {
    if settings.auth.is_clerk() && settings.auth.authorized_parties.is_empty() {
        tracing::warn!(
            "no authorized parties are set (ICP__AUTH__AUTHORIZED_PARTIES): the service accepts session tokens for \
             every origin of this Clerk instance"
        );
    }
}
