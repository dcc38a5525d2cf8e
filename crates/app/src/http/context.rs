//! What surrounds every request: its id, the shape of its errors, its line in the log.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderName, VARY};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use futures_util::FutureExt as _;

use super::connections::{Answer, InFlight};
use super::problem::ApiError;
use super::request_body::{AnswerBeforeBody, RequestBody};
use super::request_id::{self, RequestId};
use super::{compression, cors, etag};

/// The outermost layer.
pub(super) async fn surround<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Answer<BoxBody>>, Error> {
    let started = Instant::now();
    let in_flight = InFlight::begin(&request);
    let id = RequestId::settle(request.headers_mut());
    if !compression::is_possible(&request) {
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    let body = RequestBody::take(&mut request);
    // A bug in one request must cost that request alone, and answer it.
    let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    let mut response = match outcome {
        Ok(Ok(response)) => in_shape(response, &id),
        Ok(Err(error)) => return Err(without_request(respond(&error, &id), id)),
        Err(_panic) => {
            let panicked = ApiError::Internal("a handler panicked".into());
            return Err(without_request(respond_with(&panicked, &id), id));
        }
    };
    log(&response, &id, started);
    let headers = response.headers_mut();
    headers.insert(request_id::HEADER, id.into_header());
    let coding = headers.get(CONTENT_ENCODING).and_then(|coding| coding.to_str().ok()).map(str::to_owned);
    etag::mark_coding(headers, coding.as_deref());
    compression::merge_vary(headers);
    cors::say_nothing_to_others(headers);
    Ok(response.map_body(|_, answer| {
        let answer = match body.and_then(|body| body.payload()) {
            Some(unread) => AnswerBeforeBody::boxed(answer, unread),
            None => answer,
        };
        Answer::new(answer, in_flight)
    }))
}

/// The answer when the request is gone, which actix takes as an error only.
fn without_request(mut response: HttpResponse, id: RequestId) -> Error {
    response.headers_mut().insert(request_id::HEADER, id.into_header());
    InternalError::from_response("", response).into()
}

/// Errors of handlers, extractors and of actix itself all get the contract's shape.
fn in_shape<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    id: &RequestId,
) -> ServiceResponse<BoxBody> {
    let Some(mut answered) = response.response().error().map(|error| respond(error, id)) else {
        return response.map_into_boxed_body();
    };
    // A page of another origin may read errors, too.
    let kept = |name: &HeaderName| *name == VARY || name.as_str().starts_with("access-control-");
    for (name, value) in response.headers().iter().filter(|(name, _)| kept(name)) {
        answered.headers_mut().append(name.clone(), value.clone());
    }
    ServiceResponse::new(response.into_parts().0, answered)
}

fn respond(error: &Error, id: &RequestId) -> HttpResponse {
    match error.as_error::<ApiError>() {
        Some(error) => respond_with(error, id),
        None => respond_with(&ApiError::from_status(error.as_response_error().status_code(), error), id),
    }
}

fn respond_with(error: &ApiError, id: &RequestId) -> HttpResponse {
    report(error, id);
    error.respond(id)
}

/// Writes down what the client is not told.
pub(super) fn report(error: &ApiError, id: &RequestId) {
    if let ApiError::Internal(source) = error {
        let causes: Vec<_> =
            std::iter::successors(source.source(), |cause| cause.source()).map(ToString::to_string).collect();
        tracing::error!(request_id = id.as_str(), error = %source, ?causes, "a request failed");
    }
}

fn log<B>(response: &ServiceResponse<B>, id: &RequestId, started: Instant) {
    let request = response.request();
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::info!(
        target: "icp_app::access",
        request_id = id.as_str(),
        method = %request.method(),
        // The route and not the address: a query may hold what nobody should log.
        route = request.match_pattern().unwrap_or_else(|| "(none)".to_owned()),
        status = response.status().as_u16(),
        micros,
        "answered"
    );
}
