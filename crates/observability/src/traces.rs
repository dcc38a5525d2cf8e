use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::anyhow;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};

/// The target of all spans, by which filters distinguish them from log lines.
pub(crate) const TARGET: &str = "icp_app::trace";

static IS_COLLECTED: AtomicBool = AtomicBool::new(false);

/// Sends spans to a collector. When this value is dropped, it sends the remaining spans.
#[derive(Debug)]
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts to export to a collector that accepts OTLP over HTTP. Fails if no exporter can be created for `endpoint`.
    /// The SDK reads its other options from its own variables (such as `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
    /// `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`).
    pub(crate) fn start(endpoint: &str) -> anyhow::Result<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            // The error of the SDK is omitted, because it quotes the URL, which may contain a password.
            .map_err(|_| {
                anyhow!(
                    "ICP__TELEMETRY__OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT: traces cannot be sent to this URL; \
                     it must have the form http://collector.example:4318"
                )
            })?;
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("icp");
        }
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        IS_COLLECTED.store(true, Ordering::Relaxed);
        Ok(Self(provider))
    }

    pub(crate) fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("icp"))
            .with_location(false)
            .with_threads(false)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Returns true if the standard variables of OpenTelemetry turn traces off.
pub(crate) fn is_disabled() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|set| set.eq_ignore_ascii_case(value));
    is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none")
}

fn is_collected() -> bool {
    IS_COLLECTED.load(Ordering::Relaxed)
}

/// Returns the span of a request. If the client names a trace (W3C Trace Context), the span belongs to it.
pub fn request_span(method: &str, header: HeaderLookup<'_>) -> Span {
    if !is_collected() {
        return Span::none();
    }
    let span = tracing::info_span!(
        target: TARGET, "request", otel.name = method, otel.kind = "server", otel.status_code = Empty,
        http.request.method = method, http.route = Empty, http.response.status_code = Empty,
    );
    let parent = TraceContextPropagator::new().extract(&Headers(header));
    // This call fails only if no collector is configured.
    let _ = span.set_parent(parent);
    span
}

/// Records the route and the status of a request in its span.
pub fn end_request(span: &Span, method: &str, route: Option<&str>, status: u16) {
    if span.is_none() {
        return;
    }
    if let Some(route) = route {
        span.context().span().update_name(format!("{method} {route}"));
        span.record("http.route", route);
    }
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// Returns the trace ID of a request. It comes from the span or, without a collector, from the `traceparent` header.
/// `None` if neither has one.
pub fn trace_id(span: &Span, header: HeaderLookup<'_>) -> Option<String> {
    let context = if span.is_none() {
        // Most requests have no `traceparent` header.
        header("traceparent")?;
        TraceContextPropagator::new().extract(&Headers(header))
    } else {
        span.context()
    };
    let span = context.span().span_context().clone();
    span.is_valid().then(|| span.trace_id().to_string())
}

/// Returns the span of an authentication.
pub(crate) fn sign_in_span() -> Span {
    if is_collected() { tracing::info_span!(target: TARGET, "sign in") } else { Span::none() }
}

/// Returns the span of an operation of the database.
pub(crate) fn operation_span(operation: &'static str) -> Span {
    if !is_collected() {
        return Span::none();
    }
    tracing::info_span!(
        target: TARGET, "query", otel.name = operation, otel.kind = "client", db.operation.name = operation,
    )
}

/// A function that returns a header of a request by its name, if the request has the header and it is text.
pub type HeaderLookup<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

struct Headers<'a>(HeaderLookup<'a>);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (self.0)(key)
    }

    /// Returns no names, because the propagator only reads headers by name.
    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}
