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
    /// For people.
    Pretty,
    /// For programs.
    Json,
}

/// The options of the log and of traces.
#[derive(Clone, Debug)]
pub struct LogOptions<'a> {
    /// A level, or a filter by target.
    pub level: &'a str,
    /// The form of a line.
    pub format: LogFormat,
    /// A collector that accepts OTLP over HTTP.
    pub otlp_endpoint: Option<&'a str>,
}

/// Maximum number of queued log lines.
const MAX_QUEUED_LINES: usize = 10_000;

/// Sends traces and writes log lines until it is dropped.
#[derive(Debug)]
pub struct Telemetry {
    _traces: Option<Traces>,
    _log: WorkerGuard,
}

/// The number of log lines that could not be written.
static DROPPED_LINES: OnceLock<ErrorCounter> = OnceLock::new();

/// Returns the number of log lines that were dropped because standard error was not read.
pub fn dropped_log_lines() -> u64 {
    DROPPED_LINES.get().map_or(0, |counter| counter.dropped_lines() as u64)
}

/// Starts the log on standard error, and traces if a collector is set. A second call changes nothing.
///
/// # Errors
///
/// If traces cannot be sent.
///
/// A thread writes the lines. If standard error is not read, lines are dropped and counted: the log never stops the service.
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
    let discreet = filter::filter_fn(move |metadata| *metadata.level() <= max && is_logged(metadata));
    // With the hint, events below the level cost one comparison. Without it, every filter would be called for each of them.
    let discreet = discreet.with_max_level_hint(max);
    let lines = lines.with_filter(level).with_filter(discreet);
    let endpoint = options.otlp_endpoint.filter(|_| !traces::is_disabled());
    let traces = endpoint.map(Traces::start).transpose()?;
    let spans = traces.as_ref().map(|traces| {
        traces.layer().with_filter(filter::filter_fn(|metadata| metadata.target() == traces::TARGET))
    });
    let _ = tracing_subscriber::registry().with(lines).with(spans).try_init();
    Ok(Telemetry { _traces: traces, _log: log })
}

/// Returns true for events that may be logged. Only the events of this project are known to contain no secret: libraries may
/// log headers and tokens at their lower levels.
///
/// Returns true for log lines that contain no input of clients and repeat no line of the service. actix-http logs an error for
/// every request that is not HTTP. rmcp logs data of clients. actix-server and the service both log the start of workers.
/// Spans are only for traces.
fn is_logged(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    if target == traces::TARGET {
        return false;
    }
    let logs_client_input = ["actix_http::", "rmcp::"].iter().any(|library| target.starts_with(library));
    let max = if target.starts_with("actix_server::") { Level::WARN } else { Level::INFO };
    target.starts_with("icp_") || (*metadata.level() <= max && !logs_client_input)
}
