//! `GET /health/live` and `GET /health/ready`: for whoever runs the service; no sign-in, no internals.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use icp_ports::Health;
use serde_json::json;

use super::Api;

/// The process works.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({"status": "live"}))
}

/// The service can do its work: the database answers, there are keys to check tokens with, and it is not about to stop.
pub(super) async fn ready(api: web::Data<Api>) -> HttpResponse {
    let (database, keys) = futures_util::future::join(api.storage.health(), api.authenticator.health()).await;
    let is_draining = api.draining.has_begun();
    let is_ready = !is_draining && [database, keys].into_iter().all(|health| health != Health::Unavailable);
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    let status = if is_ready { "ready" } else { "not ready" };
    let mut checks = json!({"database": name(database), "keys": name(keys)});
    if is_draining && let Some(checks) = checks.as_object_mut() {
        checks.insert("service".to_owned(), json!("stopping"));
    }
    response.insert_header((CACHE_CONTROL, "no-store")).json(json!({"status": status, "checks": checks}))
}

fn name(health: Health) -> &'static str {
    match health {
        Health::Ok => "ok",
        Health::Stale => "stale",
        Health::Unavailable => "unavailable",
    }
}
