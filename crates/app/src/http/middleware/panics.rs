use std::panic::AssertUnwindSafe;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use futures_util::FutureExt as _;

use crate::http::error::ApiError;

/// Middleware: responds with a 500 if a handler panics, so that a bug affects one request only.
///
/// This middleware must wrap a resource, not the application. actix panics if a middleware has a clone of the request
/// while actix looks up the resource.
pub(in crate::http) async fn catch_panic<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let request_copy = request.request().clone();
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(response) => response.map(ServiceResponse::map_into_boxed_body),
        Err(_) => {
            Ok(ServiceResponse::from_err(ApiError::Internal("a handler panicked".into()), request_copy))
        }
    }
}
