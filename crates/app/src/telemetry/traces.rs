//! Traces by OpenTelemetry, where somebody collects them; otherwise there are no spans, and they cost nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header::HeaderMap;
use anyhow::Context as _;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};

/// Of all spans, so that a filter can tell them from the log.
pub(super) const TARGET: &str = "icp_app::trace";

static IS_COLLECTED: AtomicBool = AtomicBool::new(false);

/// Sends spans to a collector until it is dropped, and then what is left of them.
#[derive(Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// To a collector that takes OTLP over HTTP. What else there is to say the SDK reads from its own variables
    /// (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`).
    pub(super) fn start(endpoint: &str) -> anyhow::Result<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            .context(
                "ICP__TELEMETRY__OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT: traces cannot be sent there",
            )?;
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

    pub(super) fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
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
pub(super) fn is_disabled() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|set| set.eq_ignore_ascii_case(value));
    is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none")
}

fn is_collected() -> bool {
    IS_COLLECTED.load(Ordering::Relaxed)
}

/// The span of a request, within the trace of its sender if it names one (W3C Trace Context).
pub(crate) fn request_span(method: &str, headers: &HeaderMap) -> Span {
    if !is_collected() {
        return Span::none();
    }
    let span = tracing::info_span!(
        target: TARGET, "request", otel.name = method, otel.kind = "server", otel.status_code = Empty,
        http.request.method = method, http.route = Empty, http.response.status_code = Empty,
    );
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    // Refused only where nobody collects.
    let _ = span.set_parent(parent);
    span
}

/// Says how a request ended.
pub(crate) fn end_request(span: &Span, method: &str, route: Option<&str>, status: u16) {
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

/// The trace that a request belongs to: its span's, or else the one that its sender names.
pub(crate) fn trace_id(span: &Span, headers: &HeaderMap) -> Option<String> {
    let context = if span.is_none() {
        // Most requests name none.
        headers.get("traceparent")?;
        TraceContextPropagator::new().extract(&Headers(headers))
    } else {
        span.context()
    };
    let span = context.span().span_context().clone();
    span.is_valid().then(|| span.trace_id().to_string())
}

/// The span of finding out who asks.
pub(crate) fn sign_in_span() -> Span {
    if is_collected() { tracing::info_span!(target: TARGET, "sign in") } else { Span::none() }
}

/// The span of an operation of the database.
pub(crate) fn operation_span(operation: &'static str) -> Span {
    if !is_collected() {
        return Span::none();
    }
    tracing::info_span!(
        target: TARGET, "query", otel.name = operation, otel.kind = "client", db.operation.name = operation,
    )
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(actix_web::http::header::HeaderName::as_str).collect()
    }
}
