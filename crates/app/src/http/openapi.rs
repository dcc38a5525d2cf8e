//! `GET /api/v1/openapi.json`: what this API is, for programs.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;

use crate::openapi;

static DOCUMENT: LazyLock<String> = LazyLock::new(openapi::text);

pub(super) async fn handle() -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CACHE_CONTROL, "no-cache"))
        .content_type("application/json")
        .body(DOCUMENT.as_str())
}
