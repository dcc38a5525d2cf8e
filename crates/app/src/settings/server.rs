use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::SettingsError;

const KILOBYTE: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// The HTTP server.
#[derive(Debug)]
pub struct ServerSettings {
    /// The address to listen on, or a name for it.
    pub host: String,
    /// The port; 0 picks a free one.
    pub port: u16,
    /// Threads that serve requests; as many as there are cores when it is not set.
    pub workers: Option<usize>,
    /// How long requests in flight have to finish when the service stops.
    pub shutdown_limit: Duration,
    /// How long it says that it is not ready, and serves all the same, before it stops.
    pub drain: Duration,
    /// What connections are encrypted with.
    pub tls: Option<TlsFiles>,
    /// Origins whose pages may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// How many requests may be at work; more are turned away.
    pub max_in_flight: usize,
    /// How much of a response is buffered, in bytes.
    pub response_buffer: NonZeroUsize,
    /// The size of the list cache, in bytes. 0 turns it off.
    pub list_cache: usize,
    /// How many requests each user may send; as many as they like when it is not set.
    pub requests_per_minute: Option<NonZeroU32>,
}

/// A certificate, with those that lead to whoever is trusted behind it, and its key: two files in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificates.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl ServerSettings {
    /// Returns the number of workers: as many as there are cores, unless it is set.
    pub fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers.unwrap_or_else(cores)
    }

    pub(super) fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    host: String,
    port: u16,
    workers: Option<usize>,
    shutdown_seconds: u64,
    drain_seconds: u64,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    #[serde(default)]
    cors_origins: Vec<String>,
    max_in_flight: usize,
    response_buffer_kilobytes: NonZeroUsize,
    list_cache_kilobytes: usize,
    requests_per_minute: Option<NonZeroU32>,
}

impl TryFrom<Raw> for ServerSettings {
    type Error = SettingsError;

    fn try_from(raw: Raw) -> Result<Self, SettingsError> {
        let tls = match (raw.tls_certificate, raw.tls_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, Some(_)) => {
                return Err(SettingsError::of("server.tls_certificate", "is missing beside server.tls_key"));
            }
            (Some(_), None) => {
                return Err(SettingsError::of("server.tls_key", "is missing beside server.tls_certificate"));
            }
        };
        Ok(Self {
            host: raw.host,
            port: raw.port,
            workers: raw.workers,
            shutdown_limit: Duration::from_secs(raw.shutdown_seconds),
            drain: Duration::from_secs(raw.drain_seconds),
            tls,
            cors_origins: raw.cors_origins,
            max_in_flight: raw.max_in_flight,
            response_buffer: raw.response_buffer_kilobytes.saturating_mul(KILOBYTE),
            list_cache: raw.list_cache_kilobytes * 1024,
            requests_per_minute: raw.requests_per_minute,
        })
    }
}
