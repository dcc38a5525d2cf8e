//! The settings: read from all their sources, checked, and told apart by where they came from.

mod auth;
mod catalog;
mod database;
mod error;
mod exact;
mod mcp;
mod report;
mod server;
mod sources;

use config::{Map, Value, ValueKind};
use serde::Deserialize;

pub use auth::{AuthSettings, ClerkKeys, SignIn};
pub use database::{DatabaseCopy, DatabaseLocation, DatabaseSettings, ServedDatabase};
pub use error::SettingsError;
pub use mcp::McpSettings;
pub use server::{ServerSettings, TlsFiles};
pub use sources::Surroundings;

use catalog::SETTINGS;

/// Everything that can be set.
#[derive(Debug)]
pub struct Settings {
    /// The HTTP server.
    pub server: ServerSettings,
    /// Where ICPs are stored.
    pub database: DatabaseSettings,
    /// Who is signed in.
    pub auth: AuthSettings,
    /// The endpoint for AI assistants.
    pub mcp: McpSettings,
    /// What is measured.
    pub metrics: MetricsSettings,
    /// Where traces go.
    pub telemetry: TelemetrySettings,
    /// What is logged.
    pub log: LogSettings,
    values: Map<String, Value>,
}

/// What is measured, and who can look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// Whether anybody can.
    pub enabled: bool,
    /// The address for looking, where it has a port of its own; the server's when it is not set.
    pub host: Option<String>,
    /// A port of its own; the server's when it is not set.
    pub port: Option<u16>,
}

impl MetricsSettings {
    fn check(&self) -> Result<(), SettingsError> {
        if !self.enabled && self.port.is_some() {
            return Err(SettingsError::of("metrics.port", "is of no use where metrics.enabled is false"));
        }
        if self.host.is_some() && self.port.is_none() {
            return Err(SettingsError::of("metrics.host", "is of no use without metrics.port"));
        }
        Ok(())
    }
}

/// Where traces go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// A collector that takes OTLP over HTTP.
    pub otlp_endpoint: Option<String>,
}

/// What is logged.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// A level, or a filter by target.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

impl Settings {
    /// Reads and checks the settings.
    ///
    /// # Errors
    ///
    /// The first unknown key, bad value or contradiction, with the name of the setting and of its variable.
    pub fn load(surroundings: &Surroundings) -> Result<Self, SettingsError> {
        let values = flatten(sources::collect(surroundings)?);
        check(&values)?;
        let server = ServerSettings::try_from(section::<server::Raw>(&values, "server")?)?;
        let database = DatabaseSettings::try_from(section::<database::Raw>(&values, "database")?)?;
        let auth = AuthSettings::try_from(section::<auth::Raw>(&values, "auth")?)?;
        let mcp: McpSettings = section(&values, "mcp")?;
        mcp.check(&auth)?;
        let metrics: MetricsSettings = section(&values, "metrics")?;
        metrics.check()?;
        let telemetry = section(&values, "telemetry")?;
        let log = section(&values, "log")?;
        Ok(Self { server, database, auth, mcp, metrics, telemetry, log, values })
    }

    /// Refuses to serve the development sign-in to anybody but this machine: whoever reaches it could become anyone.
    ///
    /// # Errors
    ///
    /// A message that says what to configure.
    pub fn check_for_serving(&self) -> Result<(), SettingsError> {
        if matches!(self.auth.sign_in, SignIn::Clerk(_)) || self.server.is_loopback() {
            return Ok(());
        }
        Err(SettingsError::of(
            "server.host",
            format!(
                "the development sign-in serves on loopback only, and not on {}; to serve others, configure Clerk \
                 (CLERK_PUBLISHABLE_KEY, or ICP__AUTH__ISSUER with ICP__AUTH__JWT_KEY or ICP__AUTH__JWKS_URL)",
                self.server.host
            ),
        ))
    }
}

/// Tables within tables become `section.key`.
fn flatten(tables: Map<String, Value>) -> Map<String, Value> {
    let mut flat = Map::new();
    for (key, value) in tables {
        match value.kind {
            ValueKind::Table(table) => {
                flat.extend(
                    flatten(table).into_iter().map(|(inner, value)| (format!("{key}.{inner}"), value)),
                );
            }
            _ => {
                flat.insert(key, value);
            }
        }
    }
    flat
}

fn check(values: &Map<String, Value>) -> Result<(), SettingsError> {
    let mut keys: Vec<_> = values.iter().collect();
    keys.sort_by_key(|(key, _)| *key);
    for (key, value) in keys {
        let origin = value.origin().unwrap_or("unknown origin");
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            return Err(SettingsError::new(format!("{key} (from {origin}): no such setting")));
        };
        if let Some(objection) = setting.objection(value) {
            return Err(SettingsError::of(key, format!("{objection} (it comes from {origin})")));
        }
    }
    Ok(())
}

/// One section, as its struct. All values have been checked, so that this fails only when struct and catalog part.
fn section<T: for<'de> Deserialize<'de>>(
    values: &Map<String, Value>,
    name: &str,
) -> Result<T, SettingsError> {
    let prefix = format!("{name}.");
    let table: Map<String, Value> = values
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone())))
        .collect();
    Ok(T::deserialize(Value::new(None, ValueKind::Table(table)))?)
}
