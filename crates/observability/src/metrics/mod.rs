//! The metrics of the service, for Prometheus.

mod labels;
mod process;
mod readings;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use labels::method_name;
use labels::{OperationLabels, RejectionLabels, RequestLabels, VerdictLabels};
use readings::Readings;
pub use readings::{Reading, Source, Value};

use crate::dropped_log_lines;

/// Buckets of durations in seconds, from 0.2 milliseconds to 10 seconds.
const DURATION_BUCKETS: [f64; 15] =
    [0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// The reason why a request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectionCause {
    /// The service or its storage has too many requests.
    Overload,
    /// The user has sent too many requests in a short time.
    RateLimit,
}

/// The metrics. Clones share their values.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<RequestLabels, Histogram>,
    in_flight: Gauge,
    rejected: Family<RejectionLabels, Counter>,
    sign_ins: Family<VerdictLabels, Counter>,
    operations: Family<OperationLabels, Histogram>,
    revisions_removed: Counter,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Creates the metrics. The readings of `sources` are taken for each scrape.
    pub fn new(sources: Vec<Source>) -> Self {
        let durations: fn() -> Histogram = || Histogram::new(DURATION_BUCKETS);
        let requests = Family::new_with_constructor(durations);
        let operations = Family::new_with_constructor(durations);
        let (in_flight, sign_ins, revisions_removed) =
            (Gauge::default(), Family::default(), Counter::default());
        let rejected = Family::<RejectionLabels, Counter>::default();
        for reason in [RejectionCause::Overload, RejectionCause::RateLimit] {
            // The counter starts at zero, so that Prometheus sees the first increase.
            let _ = rejected.get_or_create(&RejectionLabels::from(reason));
        }
        let mut registry = Registry::with_prefix("icp");
        registry.register(
            "http_request_duration_seconds",
            "Time from the head of a request to the head of its response",
            requests.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Authenticated requests in flight, including requests that wait for their body or for a key",
            in_flight.clone(),
        );
        registry.register(
            "http_requests_refused",
            "Requests that were rejected because of overload or a rate limit",
            rejected.clone(),
        );
        registry.register("sign_ins", "Authentications of requests, by verdict", sign_ins.clone());
        registry.register(
            "database_operation_duration_seconds",
            "Duration of database operations, including the wait for a connection",
            operations.clone(),
        );
        registry.register(
            "history_revisions_removed",
            "Revisions that were removed at the end of their retention",
            revisions_removed.clone(),
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of the program", build);
        let log: Source = Arc::new(|| {
            let value = Value::Counter(dropped_log_lines());
            let help = "Log lines that were dropped because standard error was not read";
            vec![Reading { name: "log_lines_dropped", help, labels: &[], value }]
        });
        registry.register_collector(Box::new(Readings(sources.into_iter().chain([log]).collect())));
        process::register(registry.sub_registry_with_prefix("process"));
        let inner =
            Inner { registry, requests, in_flight, rejected, sign_ins, operations, revisions_removed };
        Self(Arc::new(inner))
    }

    /// Counts a response, and records its duration.
    pub fn record_response(&self, method: &'static str, route: Option<String>, status: u16, took: Duration) {
        let labels = RequestLabels::new(method, route, status);
        self.0.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Returns the gauge of requests in flight.
    pub fn in_flight(&self) -> &Gauge {
        &self.0.in_flight
    }

    /// Counts a rejected request.
    pub fn record_rejection(&self, reason: RejectionCause) {
        self.0.rejected.get_or_create(&RejectionLabels::from(reason)).inc();
    }

    /// Counts an authentication of a request. The verdict is `accepted`, or the reason why the request is not
    /// authenticated.
    pub fn record_sign_in(&self, verdict: &'static str) {
        self.0.sign_ins.get_or_create(&VerdictLabels { verdict }).inc();
    }

    /// Counts a database operation, and records its duration.
    pub fn record_operation(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        let labels = OperationLabels { operation, outcome };
        self.0.operations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts old revisions that were removed.
    pub fn record_removed_revisions(&self, count: u64) {
        self.0.revisions_removed.inc_by(count);
    }

    /// Returns all metrics in the OpenMetrics format.
    ///
    /// # Errors
    ///
    /// If a metric cannot be written as text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

/// Converts OpenMetrics to the older text format of Prometheus. In the older format, `# HELP` and `# TYPE` name the
/// samples (`x_total`, `x_info`) instead of the metric family (`x`), the type `info` is a `gauge`, and there are no
/// units and no end marker.
pub fn to_prometheus_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    // The help of a family precedes its type, which determines the name of the samples.
    let mut help = "";
    for line in open_metrics.lines().filter(|line| !line.starts_with("# UNIT") && *line != "# EOF") {
        if let Some((_, family_help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help = family_help;
            continue;
        }
        let Some((family, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) else {
            text += line;
            text.push('\n');
            continue;
        };
        let (suffix, kind) = match kind {
            "counter" => ("_total", "counter"),
            "info" => ("_info", "gauge"),
            other => ("", other),
        };
        // Writing to a string never fails.
        let _ = writeln!(text, "# HELP {family}{suffix} {help}\n# TYPE {family}{suffix} {kind}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Metrics, RejectionCause, method_name, to_prometheus_text};

    #[test]
    fn prometheus_text_names_samples_of_counters_and_infos() {
        let text = "# HELP a_b A b.\n# TYPE a_b counter\na_b_total 1\n# HELP c C.\n# TYPE c info\nc_info{v=\"1\"} 1\n\
                    # HELP d_seconds D.\n# TYPE d_seconds histogram\n# UNIT d_seconds seconds\nd_seconds_sum 1\n# EOF\n";
        let expected = "# HELP a_b_total A b.\n# TYPE a_b_total counter\na_b_total 1\n\
                        # HELP c_info C.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n\
                        # HELP d_seconds D.\n# TYPE d_seconds histogram\nd_seconds_sum 1\n";
        assert_eq!(to_prometheus_text(text), expected);
    }

    #[test]
    fn recorded_values_are_exported() {
        let metrics = Metrics::new(Vec::new());
        metrics.record_response("GET", Some("/a/{id}".to_owned()), 200, Duration::from_micros(300));
        metrics.record_response(method_name("BREW"), None, 405, Duration::from_millis(1));
        metrics.record_rejection(RejectionCause::Overload);
        metrics.record_sign_in("expired");
        metrics.record_operation("list", "ok", Duration::from_millis(3));
        metrics.in_flight().inc();
        metrics.record_removed_revisions(20);
        let text = metrics.text().expect("the metrics must be encoded");
        for line in [
            r#"icp_http_request_duration_seconds_bucket{le="0.0005",method="GET",route="/a/{id}",status="200"} 1"#,
            r#"icp_http_request_duration_seconds_count{method="other",route="(none)",status="405"} 1"#,
            r#"icp_http_requests_refused_total{reason="overload"} 1"#,
            r#"icp_sign_ins_total{verdict="expired"} 1"#,
            r#"icp_database_operation_duration_seconds_count{operation="list",outcome="ok"} 1"#,
            "icp_http_requests_in_flight 1",
            "icp_history_revisions_removed_total 20",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
