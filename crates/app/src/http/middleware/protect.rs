use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::ACCEPT_ENCODING;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};

use super::authenticate::authenticate;
use super::compression;
use super::preferences::acknowledge_preferences;
use crate::http::body::guard_body;
use crate::http::state::State;

/// Middleware of routes for signed-in users. In this order, applies the limit of requests in flight, authenticates the
/// request, and applies the user's rate limit and limit of requests in flight. A request is in flight until its
/// response has been sent. The caller and the permit are extensions of the request.
pub(in crate::http) async fn protect<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = State::of(&request)?;
    let permit = match state.concurrency.admit() {
        Ok(permit) => Arc::new(permit),
        Err(error) => return Ok(request.error_response(error)),
    };
    request.extensions_mut().insert(Arc::clone(&permit));
    let caller = match authenticate(&state, request.request()).await {
        Ok(caller) => Rc::new(caller),
        Err(error) => return Ok(request.error_response(error)),
    };
    request.extensions_mut().insert(Rc::clone(&caller));
    let counted = state.rate_limit.as_ref().map(|limit| limit.count(&caller)).transpose();
    let quota = match counted {
        Ok(quota) => quota,
        Err(error) => return Ok(request.error_response(error)),
    };
    let user_permit = match state.concurrency.admit_user(caller.user_id()) {
        Ok(user_permit) => user_permit,
        Err(error) => return Ok(request.error_response(error)),
    };
    let method = request.method().clone();
    let may_compress = request.headers().contains_key(ACCEPT_ENCODING);
    let mut response = next.call(request).await?;
    acknowledge_preferences(&mut response);
    let compression_permit = may_compress
        .then(|| compression::limit_compression(&state.concurrency, caller.user_id(), &mut response));
    if let Some(quota) = quota {
        quota.insert_headers(response.headers_mut());
    }
    Ok(response.map_body(|_, body| guard_body(&method, body, (permit, user_permit, compression_permit))))
}
