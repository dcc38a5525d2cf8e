//! The service as a whole: built from settings, run until it is stopped.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use futures_util::future::{self, Either};
use icp_ports::{MigrationReport, SystemClock};

use crate::composition::{self, Storage};
use crate::housekeeping;
use crate::http::{Api, HttpServer};
use crate::icps::{IcpService, random_id};
use crate::samples;
use crate::settings::{DatabaseLocation, Settings, SettingsError, SignIn};

/// The service, listening and ready to run.
#[derive(Debug)]
pub struct Application {
    server: HttpServer,
    icps: IcpService,
}

impl Application {
    /// Opens the database, brings its schema up to date, sets up the sign-in, and listens. Must be called within actix's
    /// runtime.
    ///
    /// # Errors
    ///
    /// What is in the way, and what to do about it.
    pub async fn build(settings: &Settings) -> anyhow::Result<Self> {
        settings.check_for_serving()?;
        composition::check(settings)?;
        let storage = composition::storage(&settings.database).await?;
        prepare(settings, &storage).await?;
        warn_of_open_doors(settings);
        let icps = IcpService::new(Arc::clone(&storage.repository), Arc::new(SystemClock), random_id);
        let icps = icps.reading_from(storage.copy);
        let api = Api {
            icps: icps.clone(),
            storage: storage.repository,
            authenticator: composition::authenticator(&settings.auth)?,
            session_cookie: settings.auth.session_cookie,
        };
        let server = HttpServer::bind(&settings.server, &settings.mcp, api).map_err(|error| {
            let address = format!("{}:{}", settings.server.host, settings.server.port);
            match error.kind() {
                ErrorKind::AddrInUse => {
                    SettingsError::of("server.port", format!("{address} is in use already"))
                }
                _ => SettingsError::of("server.host", format!("cannot listen on {address}: {error}")),
            }
        })?;
        Ok(Self { server, icps })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Serves until a signal ends it. Requests in flight are finished, unless a second signal comes.
    ///
    /// # Errors
    ///
    /// Why it cannot serve any longer.
    pub async fn run_until_stopped(self) -> anyhow::Result<()> {
        let handle = self.server.handle();
        let (impatient, impatience) = tokio::sync::oneshot::channel();
        let waiting = actix_web::rt::spawn(async move {
            stop_signal().await;
            tracing::info!("stopping: requests in flight are finished");
            let graceful = actix_web::rt::spawn(handle.stop(true));
            stop_signal().await;
            // actix keeps to the first of two stops; to end the process is what ends it at once.
            graceful.abort();
            let _ = impatient.send(());
        });
        let housekeeping = actix_web::rt::spawn(housekeeping::run(self.icps));
        let served = match future::select(pin!(self.server.run()), impatience).await {
            Either::Left((served, _)) => served,
            Either::Right(_) => Ok(()),
        };
        waiting.abort();
        housekeeping.abort();
        tracing::info!("stopped");
        Ok(served?)
    }
}

/// Brings the database into the shape that the service needs.
async fn prepare(settings: &Settings, storage: &Storage) -> anyhow::Result<()> {
    if settings.database.migrate {
        let report = migrate(settings, storage).await?;
        if !report.applied.is_empty() {
            tracing::info!(migrations = ?report.applied, "migrated the database");
        }
        return Ok(());
    }
    require_migrated(storage).await
}

/// Fails when the database has not the shape that the service needs.
pub(crate) async fn require_migrated(storage: &Storage) -> anyhow::Result<()> {
    let pending = storage.schema.pending().await.context("the database's schema cannot be read")?;
    if !pending.is_empty() {
        bail!("the database lacks the migrations {}; apply them with `icp migrate`", pending.join(", "));
    }
    Ok(())
}

/// Applies what is pending. A new embedded database gets the sample ICPs under the development sign-in.
pub(crate) async fn migrate(settings: &Settings, storage: &Storage) -> anyhow::Result<MigrationReport> {
    let report = storage.schema.migrate().await.context("the database cannot be migrated")?;
    let embedded = matches!(settings.database.location, DatabaseLocation::Sqlite(_));
    if report.created && embedded && matches!(settings.auth.sign_in, SignIn::Development) {
        samples::store(storage.transfer.as_ref()).await.context("the sample ICPs cannot be stored")?;
    }
    Ok(report)
}

fn warn_of_open_doors(settings: &Settings) {
    if matches!(settings.auth.sign_in, SignIn::Clerk(_)) && settings.auth.authorized_parties.is_empty() {
        tracing::warn!(
            "no authorized parties are set (ICP__AUTH__AUTHORIZED_PARTIES): session tokens that were made for any \
             origin of this Clerk instance count"
        );
    }
}

/// Ctrl-C, or what a service manager sends.
async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            future::select(pin!(interrupt), pin!(terminate.recv())).await;
            return;
        }
    }
    let _ = interrupt.await;
}
