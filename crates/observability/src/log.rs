use std::io::IsTerminal as _;
use std::sync::OnceLock;

use tracing::{Level, Metadata};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{self, LevelFilter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use crate::traces::{self, Traces};

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Pretty,
    /// JSON for programs.
    Json,
}

/// The options of the log and of traces.
#[derive(Clone, Debug)]
pub struct LogOptions<'a> {
    /// A level, or a filter by target. An invalid text counts as `info`.
    pub level: &'a str,
    /// The form of a line.
    pub format: LogFormat,
    /// The URL of a collector that accepts OTLP over HTTP. `None`: no traces.
    pub otlp_endpoint: Option<&'a str>,
}

/// Maximum number of queued log lines.
const MAX_QUEUED_LINES: usize = 10_000;

/// Keeps the log and the traces running until it is dropped.
#[derive(Debug)]
pub struct Telemetry {
    _traces: Option<Traces>,
    _log: WorkerGuard,
}

/// The number of log lines that were dropped.
static DROPPED_LINES: OnceLock<ErrorCounter> = OnceLock::new();

/// Returns the number of log lines that were dropped because standard error was not read fast enough.
pub fn dropped_log_lines() -> u64 {
    DROPPED_LINES.get().map_or(0, |counter| counter.dropped_lines() as u64)
}

/// Starts the log on standard error, and traces if a collector is configured and the standard variables of
/// OpenTelemetry do not turn traces off. Call this function once: further calls do not replace the log.
///
/// A thread writes the lines. If standard error is not read fast enough, further lines are dropped and counted, so that
/// the log never blocks the service.
///
/// # Errors
///
/// If no exporter of traces can be created for the URL of the collector.
pub fn start(options: &LogOptions<'_>) -> anyhow::Result<Telemetry> {
    let level = options.level.parse::<EnvFilter>().unwrap_or_else(|_| EnvFilter::new("info"));
    let queue = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(MAX_QUEUED_LINES);
    let (writer, log) = queue.thread_name("log").finish(std::io::stderr());
    let _ = DROPPED_LINES.set(writer.error_counter());
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines: Box<dyn Layer<_> + Send + Sync> = match options.format {
        LogFormat::Pretty => lines.with_ansi(std::io::stderr().is_terminal()).compact().boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let max = level.max_level_hint().unwrap_or(LevelFilter::TRACE);
    let allowed_events = filter::filter_fn(move |metadata| *metadata.level() <= max && is_logged(metadata));
    // With this hint, an event below the level costs one comparison. Without the hint, every filter would be called for
    // the event.
    let allowed_events = allowed_events.with_max_level_hint(max);
    let lines = lines.with_filter(level).with_filter(allowed_events);
    let endpoint = options.otlp_endpoint.filter(|_| !traces::is_disabled());
    let traces = endpoint.map(Traces::start).transpose()?;
    let spans = traces.as_ref().map(|traces| {
        traces.layer().with_filter(filter::filter_fn(|metadata| metadata.target() == traces::TARGET))
    });
    let _ = tracing_subscriber::registry().with(lines).with(spans).try_init();
    Ok(Telemetry { _traces: traces, _log: log })
}

/// Returns true for events that may be logged.
///
/// Events of this project contain no secrets. Libraries may log headers and tokens at the levels `debug` and `trace`,
/// so these levels are excluded for libraries. Events of actix-http and rmcp are excluded, because actix-http logs an
/// error for every request that is not HTTP, and rmcp logs data of clients. Informational events of actix-server are
/// excluded, because the service logs the same information. Spans are excluded, because they are only for traces.
fn is_logged(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    if target == traces::TARGET {
        return false;
    }
    let logs_client_input = ["actix_http::", "rmcp::"].iter().any(|library| target.starts_with(library));
    let max = if target.starts_with("actix_server::") { Level::WARN } else { Level::INFO };
    target.starts_with("icp_") || (*metadata.level() <= max && !logs_client_input)
}
