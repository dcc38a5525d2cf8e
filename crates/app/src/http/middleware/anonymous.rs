use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use crate::http::body::guard_body;
use crate::http::state::State;

/// Middleware that limits the anonymous requests in flight. A request is in flight until its response has been sent.
pub(in crate::http) async fn limit_anonymous<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = State::of(&request)?;
    let permit = match state.concurrency.admit_anonymous() {
        Ok(permit) => permit,
        Err(error) => return Ok(request.error_response(error)),
    };
    let method = request.method().clone();
    let response = next.call(request).await?;
    Ok(response.map_body(|_, body| guard_body(&method, body, permit)))
}
