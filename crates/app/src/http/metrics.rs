//! `GET /metrics`: for Prometheus; no sign-in.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};

use super::Api;
use super::problem::ApiError;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn handle(api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let text = api.metrics.text().map_err(|error| ApiError::Internal(error.into()))?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type(OPEN_METRICS).body(text))
}
