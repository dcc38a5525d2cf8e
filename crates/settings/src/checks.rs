//! Checks of settings against each other, and values that follow from several settings.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use icp_application::Limits;
use icp_development::TokenClaims;
use icp_observability::LogOptions;
use icp_ports::Quota;
use secrecy::ExposeSecret as _;

use super::{
    AuthSettings, DatabaseSettings, LimitsSettings, LogFormat, McpSettings, MetricsSettings, ServerSettings,
    Settings, SettingsError,
};

type CheckResult = Result<(), SettingsError>;

fn fail<T>(key: &str, message: impl std::fmt::Display) -> Result<T, SettingsError> {
    Err(SettingsError::of(key, message))
}

/// The files of a certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl ServerSettings {
    /// Returns the number of workers: the setting, or the number of cores.
    pub fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers.unwrap_or_else(cores)
    }

    /// Returns the files of the TLS certificate, if they are configured.
    pub fn tls(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.tls_certificate.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { certificate, key })
    }

    fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    fn check(&self) -> CheckResult {
        match (&self.tls_certificate, &self.tls_key) {
            (None, Some(_)) => fail("server.tls_certificate", "is required with server.tls_key"),
            (Some(_), None) => fail("server.tls_key", "is required with server.tls_certificate"),
            _ => Ok(()),
        }
    }
}

/// The kind of database that the scheme of a URL selects.
#[derive(Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// The embedded database, in this file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres,
}

impl DatabaseKind {
    fn of(key: &str, url: &str) -> Result<Self, SettingsError> {
        // The message must not contain the URL, which may contain a password.
        match url.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres),
            Some(("sqlite", "")) => fail(key, "must name a file, such as sqlite://data/icp.sqlite3"),
            Some(("sqlite", path))
                if path.starts_with(':') || path.starts_with("file:") || path.contains('?') =>
            {
                fail(
                    key,
                    "must be sqlite:// and the path of a file; `:memory:`, `file:` and parameters are not supported",
                )
            }
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            _ => fail(key, "must begin with postgres://, postgresql:// or sqlite://"),
        }
    }
}

impl DatabaseSettings {
    /// Returns the kind of the database.
    ///
    /// # Errors
    ///
    /// If the scheme is unknown, or if an SQLite URL is not only the path of a file.
    pub fn kind(&self) -> Result<DatabaseKind, SettingsError> {
        DatabaseKind::of("database.url", self.url.expose_secret())
    }

    fn check(&self) -> CheckResult {
        let kind = self.kind()?;
        for (key, is_set) in [
            ("database.read_url", self.read_url.is_some()),
            ("database.password_file", self.password_file.is_some()),
        ] {
            if is_set && kind != DatabaseKind::Postgres {
                return fail(key, "requires a PostgreSQL database in database.url (ICP__DATABASE__URL)");
            }
        }
        let Some(read_url) = &self.read_url else { return Ok(()) };
        if DatabaseKind::of("database.read_url", read_url.expose_secret())? != DatabaseKind::Postgres {
            return fail("database.read_url", "must begin with postgres:// or postgresql://");
        }
        if self.read_own_writes < self.read_max_lag {
            let message = "must be at least database.read_max_lag_seconds; otherwise users might not see their own writes";
            return fail("database.read_own_writes_seconds", message);
        }
        Ok(())
    }
}

impl LimitsSettings {
    /// Returns the limits for the use cases.
    pub fn limits(&self) -> Limits {
        let quota = Quota { icps: self.icps_per_creator, bytes: self.bytes_per_creator };
        Limits { quota, user_ids_per_icp: self.user_ids_per_icp }
    }
}

impl AuthSettings {
    /// Returns the claims that a token of the development sign-in needs to be accepted, and the claim that makes its
    /// user an admin.
    pub fn token_claims(&self) -> TokenClaims<'_> {
        TokenClaims {
            party: self.authorized_parties.first().map(String::as_str),
            audience: self.audience.first().map(String::as_str),
            admin: self.admin_claim.as_deref(),
        }
    }

    /// Returns true if Clerk signs users in. Otherwise, the development sign-in is active.
    pub fn is_clerk(&self) -> bool {
        [&self.issuer, &self.jwks_url, &self.jwt_key, &self.publishable_key].iter().any(|key| key.is_some())
    }

    fn check(&self) -> CheckResult {
        if self.jwks_cooldown > self.jwks_lifetime {
            let message =
                "must not be longer than auth.jwks_lifetime_seconds (ICP__AUTH__JWKS_LIFETIME_SECONDS)";
            return fail("auth.jwks_cooldown_seconds", message);
        }
        if self.is_clerk() && self.issuer.is_none() && self.publishable_key.is_none() {
            let message = "is required with Clerk, because only tokens of this issuer are accepted. Set it or CLERK_PUBLISHABLE_KEY";
            return fail("auth.issuer", message);
        }
        Ok(())
    }
}

impl McpSettings {
    fn check(&self, auth: &AuthSettings) -> CheckResult {
        for (key, list) in
            [("mcp.oauth_client_ids", &self.oauth_client_ids), ("mcp.required_scopes", &self.required_scopes)]
        {
            if self.resource.is_none() && !list.is_empty() {
                return fail(key, "has no effect without mcp.resource (ICP__MCP__RESOURCE)");
            }
        }
        if self.resource.is_some() && !self.enabled {
            return fail("mcp.resource", "has no effect unless mcp.enabled (ICP__MCP__ENABLED) is true");
        }
        if self.resource.is_some() && !auth.is_clerk() {
            let message =
                "requires Clerk (CLERK_PUBLISHABLE_KEY): the development sign-in issues no access tokens";
            return fail("mcp.resource", message);
        }
        Ok(())
    }
}

impl MetricsSettings {
    /// Returns true if `/metrics` is served on the API's port.
    pub fn is_on_api_port(&self) -> bool {
        self.enabled == Some(true) && self.port.is_none()
    }

    fn check(&self, server: &ServerSettings) -> CheckResult {
        let is_on_same_host = self.host.as_ref().is_none_or(|host| *host == server.host);
        if self.port.is_some_and(|port| port == server.port && port != 0) && is_on_same_host {
            return fail("metrics.port", "must not be the port of the API, server.port (ICP__SERVER__PORT)");
        }
        if self.enabled == Some(false) && self.port.is_some() {
            return fail("metrics.port", "has no effect while metrics.enabled is false");
        }
        if self.host.is_some() && self.port.is_none() {
            return fail("metrics.host", "has no effect without metrics.port");
        }
        Ok(())
    }
}

impl Settings {
    /// Returns the options of the log and of traces.
    pub fn log_options(&self) -> LogOptions<'_> {
        let format = match self.log.format {
            LogFormat::Pretty => icp_observability::LogFormat::Pretty,
            LogFormat::Json => icp_observability::LogFormat::Json,
        };
        let otlp_endpoint = self.telemetry.otlp_endpoint.as_deref();
        LogOptions { level: &self.log.level, format, otlp_endpoint }
    }

    pub(super) fn check(&self) -> CheckResult {
        self.server.check()?;
        self.database.check()?;
        self.auth.check()?;
        self.mcp.check(&self.auth)?;
        self.metrics.check(&self.server)
    }

    /// Fails if other machines could reach a service with the development sign-in, and sign in as any user.
    ///
    /// # Errors
    ///
    /// If the development sign-in is active and the server listens on an address that is not loopback.
    pub fn check_for_serving(&self) -> CheckResult {
        if self.auth.is_clerk() || self.server.is_loopback() {
            return Ok(());
        }
        fail(
            "server.host",
            format!(
                "{} is not a loopback address, which the development sign-in requires; to serve other machines, configure \
                 Clerk (CLERK_PUBLISHABLE_KEY, or ICP__AUTH__ISSUER with ICP__AUTH__JWT_KEY or ICP__AUTH__JWKS_URL)",
                self.server.host
            ),
        )
    }
}
