//! Health, metrics and the OpenAPI document. They need no authentication.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use actix_web::http::header::{ACCEPT, CACHE_CONTROL};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use icp_ports::Health;
use serde_json::json;
use tokio::sync::Mutex;

use super::error::ApiError;
use super::routing::{anonymous_resource, operator_resource, read};
use super::state::State;
use super::static_file::StaticFile;
use crate::openapi;

pub(super) const READINESS_PATH: &str = "/health/ready";

/// Runs one health check at a time, because anonymous clients can send many requests and each check queries the
/// database. A request that arrives during a check gets the result of that check.
#[derive(Clone, Default)]
pub(crate) struct HealthChecks(Arc<Mutex<Option<HealthCheckResult>>>);

#[derive(Clone, Copy)]
struct HealthCheckResult {
    database: Health,
    keys: Health,
    finished_at: Instant,
}

impl HealthChecks {
    async fn check(&self, state: &State) -> HealthCheckResult {
        let arrived_at = Instant::now();
        let mut last = self.0.lock().await;
        if let Some(result) = *last
            && result.finished_at > arrived_at
        {
            return result;
        }
        let (database, keys) =
            futures_util::future::join(state.icps.health(), state.authenticator.health()).await;
        *last.insert(HealthCheckResult { database, keys, finished_at: Instant::now() })
    }
}

pub(super) fn health_routes(config: &mut web::ServiceConfig) {
    config.service(operator_resource("/health/live", read().to(live)));
    config.service(operator_resource(READINESS_PATH, read().to(ready)));
}

pub(super) fn metrics_route(config: &mut web::ServiceConfig) {
    config.service(operator_resource("/metrics", read().to(metrics)));
}

pub(super) fn openapi_route(config: &mut web::ServiceConfig) {
    config.service(anonymous_resource("/api/v1/openapi.json", read().to(openapi_document)));
}

pub(super) async fn no_such_route() -> Result<HttpResponse, ApiError> {
    Err(ApiError::NoSuchRoute)
}

/// Returns 200 while the process works.
async fn live() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({"status": "live"}))
}

/// Returns 200 if the database responds, keys to verify tokens are available, and the service is not stopping.
/// Otherwise returns 503.
async fn ready(state: Data<State>) -> HttpResponse {
    let HealthCheckResult { database, keys, .. } = state.health_checks.check(&state).await;
    let is_draining = state.draining.has_begun();
    let is_ready = !is_draining && [database, keys].into_iter().all(|health| health != Health::Unavailable);
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    let status = if is_ready { "ready" } else { "not ready" };
    let mut checks = json!({"database": health_name(database), "keys": health_name(keys)});
    if is_draining && let Some(checks) = checks.as_object_mut() {
        checks.insert("service".to_owned(), json!("stopping"));
    }
    response.insert_header((CACHE_CONTROL, "no-store")).json(json!({"status": status, "checks": checks}))
}

fn health_name(health: Health) -> &'static str {
    match health {
        Health::Ok => "ok",
        Health::Stale => "stale",
        Health::Unavailable => "unavailable",
    }
}

/// Returns the metrics in the format that the client accepts: OpenMetrics, or the older text format of Prometheus.
async fn metrics(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, ApiError> {
    let accept = request.headers().get_all(ACCEPT).filter_map(|line| line.to_str().ok());
    let is_open_metrics = accept.flat_map(|line| line.split(',')).any(|range| {
        range.split(';').next().is_some_and(|name| name.trim() == "application/openmetrics-text")
    });
    let text = state.metrics.text().map_err(|error| ApiError::Internal(error.into()))?;
    let (content_type, text) = if is_open_metrics {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", icp_observability::to_prometheus_text(&text))
    };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type(content_type).body(text))
}

static OPENAPI_DOCUMENT: LazyLock<StaticFile> =
    LazyLock::new(|| StaticFile::compressed("application/json", openapi::text()));

/// Prepares the OpenAPI document at start-up. Otherwise, the first request would take some milliseconds longer.
pub(super) fn prepare() {
    LazyLock::force(&OPENAPI_DOCUMENT);
}

/// Returns the OpenAPI document.
async fn openapi_document(request: HttpRequest) -> HttpResponse {
    OPENAPI_DOCUMENT.respond(&request, "no-cache")
}
