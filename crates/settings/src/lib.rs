#![doc = include_str!("../README.md")]

mod catalog;
mod checks;
mod definitions;
mod error;
mod exact;
mod report;
mod secrets;
mod sources;

use config::{Map, Value, ValueKind};
use serde::Deserialize;

pub use checks::{DatabaseKind, TlsFiles};
pub use definitions::{
    AuthSettings, DatabaseSettings, HistorySettings, LimitsSettings, LogFormat, LogSettings, McpSettings,
    MetricsSettings, ServerSettings, TelemetrySettings,
};
pub use error::SettingsError;
pub use sources::Environment;

use definitions::SETTINGS;

/// All settings.
#[derive(Debug)]
pub struct Settings {
    /// The HTTP server.
    pub server: ServerSettings,
    /// The database.
    pub database: DatabaseSettings,
    /// Limits on the data that users write.
    pub limits: LimitsSettings,
    /// The history of ICPs.
    pub history: HistorySettings,
    /// Authentication.
    pub auth: AuthSettings,
    /// The endpoint for AI assistants.
    pub mcp: McpSettings,
    /// Metrics.
    pub metrics: MetricsSettings,
    /// Traces.
    pub telemetry: TelemetrySettings,
    /// The log.
    pub log: LogSettings,
    values: Values,
}

/// The values with their sources, by key. `Debug` omits them, because they may contain passwords.
struct Values(Map<String, Value>);

impl std::fmt::Debug for Values {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Values").finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads and checks the settings.
    ///
    /// # Errors
    ///
    /// The first problem: an unknown key, an invalid value, or two values that contradict each other. The message names
    /// the key, and its variable or its source.
    pub fn load(environment: &Environment) -> Result<Self, SettingsError> {
        let values = flatten(sources::collect(environment)?);
        check(&values)?;
        let settings = Self {
            server: section(&values, "server")?,
            database: section(&values, "database")?,
            limits: section(&values, "limits")?,
            history: section(&values, "history")?,
            auth: section(&values, "auth")?,
            mcp: section(&values, "mcp")?,
            metrics: section(&values, "metrics")?,
            telemetry: section(&values, "telemetry")?,
            log: section(&values, "log")?,
            values: Values(values),
        };
        settings.check()?;
        Ok(settings)
    }
}

/// Converts nested tables to keys such as `section.key`.
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

/// Checks that each key is known and that its value is valid, in the order of the keys. Accepts any value of
/// `RUST_LOG`.
fn check(values: &Map<String, Value>) -> Result<(), SettingsError> {
    let mut keys: Vec<_> = values.iter().collect();
    keys.sort_by_key(|(key, _)| *key);
    for (key, value) in keys {
        let origin = value.origin().unwrap_or("unknown origin");
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            return Err(SettingsError::new(format!("{key} (from {origin}): unknown setting")));
        };
        // Other programs also read `RUST_LOG`, so it may have a value that is invalid here, such as a target without a
        // level.
        let is_shared = origin.ends_with("RUST_LOG");
        if let Some(invalid_reason) = setting.invalid_reason(value).filter(|_| !is_shared) {
            return Err(SettingsError::of(key, format!("{invalid_reason} (from {origin})")));
        }
    }
    Ok(())
}

/// Deserializes a section. The values have been checked.
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
