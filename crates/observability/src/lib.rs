#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod instrumented;
mod log;
mod metrics;
mod traces;

pub use instrumented::Instrumented;
pub use log::{LogFormat, LogOptions, Telemetry, dropped_log_lines, start};
pub use metrics::{Metrics, Reading, RejectionCause, Source, Value, method_name, to_prometheus_text};
pub use traces::{HeaderLookup, end_request, request_span, trace_id};
