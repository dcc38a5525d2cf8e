//! What the service says of itself: its log, and its traces.

mod traces;

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, filter};

pub(crate) use traces::{end_request, operation_span, request_span, sign_in_span, trace_id};

use crate::settings::{LogFormat, Settings};
use traces::Traces;

/// While it is held, traces are sent.
#[derive(Debug)]
pub(crate) struct Telemetry {
    _traces: Option<Traces>,
}

/// Writes the log to standard error from here on, and sends traces where somebody collects them. A second call changes
/// nothing.
pub(crate) fn start(settings: &Settings) -> anyhow::Result<Telemetry> {
    let level = settings.log.level.parse::<EnvFilter>().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<_> + Send + Sync> = match settings.log.format {
        LogFormat::Pretty => lines.with_ansi(std::io::stderr().is_terminal()).compact().boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let lines = lines.with_filter(level).with_filter(filter::filter_fn(is_discreet));
    let traces = settings.telemetry.otlp_endpoint.as_deref().map(Traces::start).transpose()?;
    let spans = traces.as_ref().map(|traces| {
        traces.layer().with_filter(filter::filter_fn(|metadata| metadata.target() == traces::TARGET))
    });
    let _ = tracing_subscriber::registry().with(lines).with(spans).try_init();
    Ok(Telemetry { _traces: traces })
}

/// Libraries may say what they like at their lower levels, headers and tokens included; only what this service says of
/// itself is known to hold no secret.
///
/// actix-http calls whatever a stranger sends that is no HTTP an error; it is none of the service's. rmcp writes down what
/// clients say of themselves. Spans are for traces.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    if target == traces::TARGET {
        return false;
    }
    let repeats_strangers = ["actix_http::", "rmcp::"].iter().any(|library| target.starts_with(library));
    target.starts_with("icp_") || (*metadata.level() <= Level::INFO && !repeats_strangers)
}
