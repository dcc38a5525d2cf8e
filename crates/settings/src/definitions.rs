//! Declares every setting once: its key, its type, its valid values, its default, and the variable of a platform.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use icp_domain::UserId;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::catalog::{Kind, Setting, number, variable};
use super::exact;

/// Declares the sections: a struct for each section, and a setting for each field.
macro_rules! settings {
    ($(
        $(#[$meta:meta])*
        $section:literal => $type:ident {
            $(
                $(#[$field_meta:meta])*
                $key:literal => $field:ident: $field_type:ty = $kind:expr
                    $(, default $default:literal)? $(, platform $platform:literal)?;
            )*
        }
    )*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $type {
                $($(#[$field_meta])* #[serde(rename = $key)] pub $field: $field_type,)*
            }
        )*

        /// All settings, in the order of the documentation.
        pub(super) const SETTINGS: &[Setting] = &[
            $($(Setting {
                key: concat!($section, ".", $key),
                kind: $kind,
                default: settings!(@option $($default)?),
                platform_variable: settings!(@option $($platform)?),
            },)*)*
        ];
    };
    (@option) => { None };
    (@option $value:literal) => { Some($value) };
}

settings! {
    /// The HTTP server.
    "server" => ServerSettings {
        /// The address or host name to listen on.
        "host" => host: String = Kind::Text, default "127.0.0.1";
        /// The port. 0 selects a free port.
        "port" => port: u16 = number(0, 65_535), default "8080", platform "PORT";
        /// The number of threads that serve requests. `None`: one for each core.
        "workers" => workers: Option<usize> = number(1, 1_024);
        /// Time limit of requests in flight when the service stops.
        #[serde(deserialize_with = "seconds")]
        "shutdown_seconds" => shutdown_limit: Duration = number(0, 3_600), default "30";
        /// The time for which a stopping service still accepts connections after it reports that it is not ready.
        #[serde(deserialize_with = "seconds")]
        "drain_seconds" => drain: Duration = number(0, 3_600), default "5";
        /// The time after which an idle connection is closed.
        #[serde(deserialize_with = "seconds")]
        "keep_alive_seconds" => keep_alive: Duration = number(1, 3_600), default "75";
        /// A PEM file with the certificate and its chain.
        "tls_certificate" => tls_certificate: Option<PathBuf> = Kind::Text;
        /// A PEM file with the key of the certificate.
        "tls_key" => tls_key: Option<PathBuf> = Kind::Text;
        /// The origins whose pages may call the API from a browser.
        #[serde(default)]
        "cors_origins" => cors_origins: Vec<String> = Kind::ExactList(exact::ORIGIN);
        /// Maximum number of requests in flight.
        "max_in_flight" => max_in_flight: usize = number(1, 100_000), default "256";
        /// Maximum size of the buffered part of a response, in bytes.
        #[serde(deserialize_with = "kilobytes")]
        "response_buffer_kilobytes" => response_buffer: NonZeroUsize = number(1, 1_000_000), default "4096";
        /// The size of the list cache, in kilobytes. 0 turns the cache off.
        "list_cache_kilobytes" => list_cache_kilobytes: usize = number(0, 100_000_000), default "8192";
        /// Requests per minute and user. `None`: no limit.
        "requests_per_minute" => requests_per_minute: Option<NonZeroU32> = number(1, 1_000_000);
    }

    /// The database.
    "database" => DatabaseSettings {
        /// The URL, which may contain a password.
        "url" => url: SecretString =
            Kind::SecretUrl, default "sqlite://data/icp.sqlite3", platform "DATABASE_URL";
        /// A file with the password of the database.
        "password_file" => password_file: Option<PathBuf> = Kind::Text;
        /// Maximum number of connections of all workers and other tasks together. For SQLite, the number of connections
        /// for reads.
        "max_connections" => max_connections: usize = number(1, 1_000), default "8";
        /// Whether pending migrations are applied at the start.
        "migrate" => migrate: bool = Kind::Flag, default "true";
        /// Time limit to connect to one address of a host.
        #[serde(deserialize_with = "seconds")]
        "connect_timeout_seconds" => connect_timeout: Duration = number(1, 60), default "2";
        /// Time limit of a write, or of a read with its repetition.
        #[serde(deserialize_with = "seconds")]
        "statement_timeout_seconds" => statement_timeout: Duration = number(1, 300), default "4";
        /// Time limit of the wait for a free connection.
        #[serde(deserialize_with = "milliseconds")]
        "acquire_timeout_milliseconds" => acquire_timeout: Duration = number(1, 60_000), default "500";
        /// The age at which a connection is replaced.
        #[serde(deserialize_with = "seconds")]
        "connection_lifetime_seconds" => connection_lifetime: Duration = number(1, 86_400), default "1800";
        /// The URL of a replica, which may contain a password.
        "read_url" => read_url: Option<SecretString> = Kind::SecretUrl;
        /// Maximum lag of a replica. Reads do not use a replica with a larger lag.
        #[serde(deserialize_with = "seconds")]
        "read_max_lag_seconds" => read_max_lag: Duration = number(1, 3_600), default "5";
        /// The time for which a user reads from the primary after a write.
        #[serde(deserialize_with = "seconds")]
        "read_own_writes_seconds" => read_own_writes: Duration = number(0, 3_600), default "10";
    }

    /// Limits on the data that users write.
    "limits" => LimitsSettings {
        /// Maximum number of ICPs that one user may have created. Deleted ICPs and idempotency keys have the same
        /// limit.
        "icps_per_creator" => icps_per_creator: u64 = number(1, 1_000_000_000), default "10000";
        /// Maximum number of bytes of the ICPs that one user may have created, including their histories and the
        /// results that idempotency keys store.
        "bytes_per_creator" => bytes_per_creator: u64 = number(1, 1_000_000_000_000_000), default "1073741824";
        /// Maximum number of users of one ICP.
        "user_ids_per_icp" => user_ids_per_icp: usize = number(1, 10_000), default "1000";
    }

    /// The history of ICPs.
    "history" => HistorySettings {
        /// Days for which replaced states and deleted ICPs are kept. 0 turns the history off.
        "retention_days" => retention_days: u32 = number(0, 36_500), default "30";
    }

    /// Authentication.
    "auth" => AuthSettings {
        /// The issuer of tokens.
        "issuer" => issuer: Option<String> = Kind::Exact(exact::ISSUER);
        /// The URL of a key set.
        "jwks_url" => jwks_url: Option<String> = Kind::Text;
        /// A PEM public key, which takes precedence over a key set.
        "jwt_key" => jwt_key: Option<String> = Kind::Text, platform "CLERK_JWT_KEY";
        /// The publishable key of the Clerk instance.
        "publishable_key" => publishable_key: Option<String> = Kind::Text, platform "CLERK_PUBLISHABLE_KEY";
        /// Accepted parties. A session token must name one of them in `azp`. If the list is empty, `azp` is not
        /// checked.
        #[serde(default)]
        "authorized_parties" => authorized_parties: Vec<String> = Kind::ExactList(exact::PARTY);
        /// Accepted audiences. A session token must name one of them in `aud`. If the list is empty, a session token
        /// must not have `aud`.
        #[serde(default)]
        "audience" => audience: Vec<String> = Kind::ExactList(exact::PLAIN_TEXT);
        /// Whether the `__session` cookie is accepted.
        "session_cookie" => session_cookie: bool = Kind::Flag, default "false";
        /// The age at which a key set is stale. The set is fetched again after 4/5 of this time.
        #[serde(deserialize_with = "seconds")]
        "jwks_lifetime_seconds" => jwks_lifetime: Duration = number(1, 86_400), default "300";
        /// The time after the start of a fetch during which an unknown key causes no other fetch.
        #[serde(deserialize_with = "seconds")]
        "jwks_cooldown_seconds" => jwks_cooldown: Duration = number(1, 3_600), default "10";
        /// Users who are admins.
        #[serde(default)]
        "admin_user_ids" => admin_user_ids: Vec<UserId> = Kind::ExactList(exact::PLAIN_TEXT);
        /// A JSON Pointer to the claim that makes a user an admin if its value is `"admin"`.
        "admin_claim" => admin_claim: Option<String> = Kind::Text;
        /// Maximum number of verified tokens in the cache. 0 turns the cache off.
        "token_cache_size" => token_cache_size: usize = number(0, 10_000_000), default "20000";
    }

    /// The endpoint for AI assistants.
    "mcp" => McpSettings {
        /// Whether the endpoint is served.
        "enabled" => enabled: bool = Kind::Flag, default "false";
        /// The public URL of the endpoint. If it is set, the endpoint accepts OAuth access tokens.
        "resource" => resource: Option<String> = Kind::Exact(exact::RESOURCE);
        /// OAuth clients whose access tokens are accepted even if they do not name the resource.
        #[serde(default)]
        "oauth_client_ids" => oauth_client_ids: Vec<String> = Kind::ExactList(exact::PLAIN_TEXT);
        /// The scopes that an access token must have.
        #[serde(default)]
        "required_scopes" => required_scopes: Vec<String> = Kind::ExactList(exact::PLAIN_TEXT);
    }

    /// The endpoint `/metrics`. It needs no authentication, so it is off by default.
    "metrics" => MetricsSettings {
        /// Whether the endpoint is served. Without a separate port, it is served on the API's port. `None`: it is
        /// served only if there is a separate port.
        "enabled" => enabled: Option<bool> = Kind::Flag;
        /// The address to listen on for `port`. `None` means the address of the server.
        "host" => host: Option<String> = Kind::Text;
        /// A separate port, which also turns `/metrics` on.
        "port" => port: Option<u16> = number(0, 65_535);
    }

    /// Traces.
    "telemetry" => TelemetrySettings {
        /// A collector that accepts OTLP over HTTP.
        "otlp_endpoint" => otlp_endpoint: Option<String> =
            Kind::SecretUrl, platform "OTEL_EXPORTER_OTLP_ENDPOINT";
    }

    /// The log.
    "log" => LogSettings {
        /// A level, or a filter by target.
        "level" => level: String = Kind::LogFilter, default "info", platform "RUST_LOG";
        /// The form of a line.
        "format" => format: LogFormat = Kind::OneOf(&["pretty", "json"]), default "pretty";
    }
}

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    Pretty,
    /// JSON for programs.
    Json,
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

fn kilobytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroUsize, D::Error> {
    const KILOBYTE: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
    NonZeroUsize::deserialize(deserializer).map(|kilobytes| kilobytes.saturating_mul(KILOBYTE))
}

/// Returns the environment variables of a key for a message: the variable of the setting and, if there is one, the
/// platform variable.
pub(super) fn variables(key: &str) -> String {
    let platform =
        SETTINGS.iter().find(|setting| setting.key == key).and_then(|setting| setting.platform_variable);
    match platform {
        Some(platform) => format!("{} or {platform}", variable(key)),
        None => variable(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_has_every_setting() {
        let documentation = include_str!("../../../docs/reference/configuration.md");
        for setting in SETTINGS {
            let row = documentation.lines().find(|line| line.starts_with(&format!("| `{}` |", setting.key)));
            let row = row.unwrap_or_else(|| panic!("{} must be documented", setting.key));
            assert!(
                row.contains(&format!("`{}`", setting.variable())),
                "the row must contain the variable: {row}"
            );
            let platform_variable = setting.platform_variable;
            assert!(
                platform_variable.is_none_or(|name| row.contains(&format!("`{name}`"))),
                "the row must contain the platform variable: {row}"
            );
            assert!(
                setting.default.is_none_or(|default| row.contains(&format!("| `{default}` |"))),
                "the row must contain the default: {row}"
            );
            if let Kind::Number { min, max } = setting.kind {
                let range = format!("({min} to {max}) |");
                assert!(row.replace(',', "").ends_with(&range), "the row must end with the range: {row}");
            }
        }
        let rows = documentation
            .lines()
            .filter(|line| line.contains("`ICP__"))
            .filter(|line| line.starts_with("| `"));
        assert_eq!(rows.count(), SETTINGS.len(), "the documentation must have no unknown setting");
    }
}
