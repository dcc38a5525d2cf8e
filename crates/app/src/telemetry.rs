//! The log.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, filter};

use crate::settings::{LogFormat, LogSettings};

/// Writes the log to standard error from here on. A second call changes nothing.
pub(crate) fn start(settings: &LogSettings) {
    let level = settings.level.parse::<EnvFilter>().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<_> + Send + Sync> = match settings.format {
        LogFormat::Pretty => lines.with_ansi(std::io::stderr().is_terminal()).compact().boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let discreet = filter::filter_fn(is_discreet);
    let _ = tracing_subscriber::registry().with(lines.with_filter(level).with_filter(discreet)).try_init();
}

/// Libraries may say what they like at their lower levels, headers and tokens included; only what this service says of
/// itself is known to hold no secret.
///
/// actix-http calls whatever a stranger sends that is no HTTP an error; it is none of the service's.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target.starts_with("icp_") || (*metadata.level() <= Level::INFO && !target.starts_with("actix_http::"))
}
