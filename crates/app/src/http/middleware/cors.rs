//! Cross-origin requests (CORS): requests of pages that have another origin than the service.

use actix_cors::Cors;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;

use super::layer::Middleware;
use crate::http::protected_resource;

/// Middleware around actix's `Cors`: removes the CORS headers from responses to origins that are not allowed.
#[derive(Clone, Copy)]
pub(in crate::http) struct RestrictCorsHeaders;

impl<B: MessageBody> Middleware<B> for RestrictCorsHeaders {
    type RequestData = ();
    type Body = B;

    fn before(_: &mut ServiceRequest) {}

    fn after((): (), mut response: ServiceResponse<B>) -> Result<ServiceResponse<B>, Error> {
        let headers = response.headers_mut();
        if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            let names = headers.keys().filter(|name| name.as_str().starts_with("access-control-"));
            for name in names.cloned().collect::<Vec<_>>() {
                headers.remove(name);
            }
        }
        Ok(response)
    }
}

/// Time in seconds for which a browser may cache a preflight response.
const PREFLIGHT_MAX_AGE_SECONDS: usize = 3_600;

/// The request headers that clients send for the API and for MCP, and the trace headers that instrumented pages add to
/// every request.
const ALLOWED_HEADERS: [&str; 13] = [
    "authorization",
    "content-type",
    "if-match",
    "if-none-match",
    "idempotency-key",
    "prefer",
    "x-request-id",
    "mcp-protocol-version",
    "mcp-session-id",
    "last-event-id",
    "traceparent",
    "tracestate",
    "baggage",
];

/// The response headers that clients read.
const EXPOSED_HEADERS: [&str; 11] = [
    "etag",
    "link",
    "location",
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "x-request-id",
    "idempotency-replayed",
    "preference-applied",
    "mcp-session-id",
    "www-authenticate",
];

/// Allows pages of these origins to call the API and read its responses, with cookies only if `with_cookies` is true.
/// Pages of every origin may read the OAuth metadata.
pub(in crate::http) fn allow_origins(origins: &[String], with_cookies: bool) -> Cors {
    let cors = Cors::default()
        .allowed_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allowed_headers(ALLOWED_HEADERS)
        .expose_headers(EXPOSED_HEADERS)
        .allowed_origin_fn(|_, request| protected_resource::is_metadata(request.uri.path()))
        .max_age(PREFLIGHT_MAX_AGE_SECONDS);
    let cors = origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin));
    if with_cookies { cors.supports_credentials() } else { cors }
}
