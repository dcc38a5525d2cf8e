//! What the service counts and measures, for Prometheus (in the text format of OpenMetrics).

mod labels;
mod process;
mod readings;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use labels::{OperationLabels, RefusalLabels, RequestLabels, VerdictLabels};
use readings::Readings;
pub(crate) use readings::{Reading, Source, Value};

/// From 0.2 milliseconds to 10 seconds.
const BUCKETS: [f64; 15] =
    [0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// Why a request is turned away that could have been served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There are too many at once.
    Overload,
    /// Its user has sent too many.
    RateLimit,
}

/// Everything that is counted. Clones count together.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<RequestLabels, Histogram>,
    in_flight: Gauge,
    refused: Family<RefusalLabels, Counter>,
    sign_ins: Family<VerdictLabels, Counter>,
    operations: Family<OperationLabels, Histogram>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Creates the metrics. The readings of `sources` are taken for each scrape.
    pub(crate) fn new(sources: Vec<Source>) -> Self {
        let requests = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let operations = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let (in_flight, sign_ins) = (Gauge::default(), Family::default());
        let refused = Family::<RefusalLabels, Counter>::default();
        for why in [Refused::Overload, Refused::RateLimit] {
            // From zero, so that the first one is seen to be one more.
            let _ = refused.get_or_create(&RefusalLabels::from(why));
        }
        let mut registry = Registry::with_prefix("icp");
        registry.register(
            "http_request_duration_seconds",
            "From the head of a request to the head of its answer",
            requests.clone(),
        );
        registry.register("http_requests_in_flight", "Requests that are at work", in_flight.clone());
        registry.register("http_requests_refused", "Requests that were turned away", refused.clone());
        registry.register("sign_ins", "Whether requests were signed in, and why not", sign_ins.clone());
        registry.register(
            "database_operation_duration_seconds",
            "Operations of the database, the wait for a connection included",
            operations.clone(),
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which version this is", build);
        registry.register_collector(Box::new(Readings(sources)));
        process::register(registry.sub_registry_with_prefix("process"));
        Self(Arc::new(Inner { registry, requests, in_flight, refused, sign_ins, operations }))
    }

    /// A request was answered.
    pub(crate) fn answered(&self, method: &str, route: Option<String>, status: u16, took: Duration) {
        let labels = RequestLabels::new(method, route, status);
        self.0.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// How many requests are at work.
    pub(crate) fn in_flight(&self) -> &Gauge {
        &self.0.in_flight
    }

    /// A request was turned away.
    pub(crate) fn refused(&self, why: Refused) {
        self.0.refused.get_or_create(&RefusalLabels::from(why)).inc();
    }

    /// It was found whether a request is signed in: `accepted`, or why not.
    pub(crate) fn signed_in(&self, verdict: &'static str) {
        self.0.sign_ins.get_or_create(&VerdictLabels { verdict }).inc();
    }

    /// The database did something, or did not.
    pub(crate) fn operated(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        let labels = OperationLabels { operation, outcome };
        self.0.operations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// All of it.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Metrics, Refused};

    #[test]
    fn what_was_counted_is_told() {
        let metrics = Metrics::new(Vec::new());
        metrics.answered("GET", Some("/a/{id}".to_owned()), 200, Duration::from_micros(300));
        metrics.answered("BREW", None, 405, Duration::from_millis(1));
        metrics.refused(Refused::Overload);
        metrics.signed_in("expired");
        metrics.operated("list", "ok", Duration::from_millis(3));
        metrics.in_flight().inc();
        let text = metrics.text().expect("it is text");
        for line in [
            r#"icp_http_request_duration_seconds_bucket{le="0.0005",method="GET",route="/a/{id}",status="200"} 1"#,
            r#"icp_http_request_duration_seconds_count{method="other",route="(none)",status="405"} 1"#,
            r#"icp_http_requests_refused_total{reason="overload"} 1"#,
            r#"icp_sign_ins_total{verdict="expired"} 1"#,
            r#"icp_database_operation_duration_seconds_count{operation="list",outcome="ok"} 1"#,
            "icp_http_requests_in_flight 1",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
