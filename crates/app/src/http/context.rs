//! What surrounds every request: its id, the shape of its errors, its line in the log.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::ConnectionType;
use actix_web::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpResponse, web};
use futures_util::FutureExt as _;
use tracing::{Instrument as _, Span};

use super::connections::{Answer, InFlight};
use super::current_user::Actor;
use super::problem::ApiError;
use super::rate_limit::Allowance;
use super::request_body::{AnswerBeforeBody, RequestBody};
use super::request_id::{self, RequestId};
use super::{Api, compression, cors, etag};
use crate::telemetry;

/// The outermost layer.
pub(super) async fn surround<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Answer<BoxBody>>, Error> {
    let in_flight = InFlight::begin(&request);
    let id = RequestId::settle(request.headers_mut());
    let asked = Asked::now(&request);
    if !compression::is_possible(&request) {
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    let body = RequestBody::take(&mut request);
    // A bug in one request must cost that request alone, and answer it.
    let handled = next.call(request).instrument(asked.span.clone());
    let outcome = AssertUnwindSafe(handled).catch_unwind().await;
    let mut response = match outcome {
        Ok(Ok(response)) => in_shape(response, &id),
        Ok(Err(error)) => return Err(without_request(respond(&error, &id), &asked, id)),
        Err(_panic) => {
            let panicked = ApiError::Internal("a handler panicked".into());
            return Err(without_request(respond_with(&panicked, &id), &asked, id));
        }
    };
    let actor = response.request().extensions().get::<Actor>().map(|Actor(actor)| actor.to_string());
    asked.answered(response.request().match_pattern(), response.status(), &id, actor.as_deref());
    if asked.api.as_ref().is_some_and(|api| api.draining.has_begun()) {
        // The next request had better go to another instance.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    let allowance = response.request().extensions().get::<Allowance>().copied();
    let headers = response.headers_mut();
    mark(headers, id);
    let coding = headers.get(CONTENT_ENCODING).and_then(|coding| coding.to_str().ok()).map(str::to_owned);
    etag::mark_coding(headers, coding.as_deref());
    compression::merge_vary(headers);
    cors::say_nothing_to_others(headers);
    if let Some(allowance) = allowance {
        allowance.insert_headers(headers);
    }
    Ok(response.map_body(|_, answer| {
        let answer = match body.and_then(|body| body.payload()) {
            Some(unread) => AnswerBeforeBody::boxed(answer, unread),
            None => answer,
        };
        Answer::new(answer, in_flight)
    }))
}

/// What every answer says.
fn mark(headers: &mut HeaderMap, id: RequestId) {
    headers.insert(request_id::HEADER, id.into_header());
    // Names and texts in answers are written by users; no browser may take one for a page or a script.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The answer when the request is gone, which actix takes as an error only.
fn without_request(mut response: HttpResponse, asked: &Asked, id: RequestId) -> Error {
    asked.answered(None, response.status(), &id, None);
    mark(response.headers_mut(), id);
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

/// What is known of a request from its start.
struct Asked {
    started: Instant,
    method: Method,
    api: Option<web::Data<Api>>,
    span: Span,
    trace_id: Option<String>,
}

impl Asked {
    fn now(request: &ServiceRequest) -> Self {
        let span = telemetry::request_span(request.method().as_str(), request.headers());
        let trace_id = telemetry::trace_id(&span, request.headers());
        Self {
            started: Instant::now(),
            method: request.method().clone(),
            api: request.app_data::<web::Data<Api>>().cloned(),
            span,
            trace_id,
        }
    }

    /// Counts the request, ends its span and writes its line. `actor` is the person who impersonated the user.
    fn answered(&self, route: Option<String>, status: StatusCode, id: &RequestId, actor: Option<&str>) {
        let (took, method) = (self.started.elapsed(), self.method.as_str());
        telemetry::end_request(&self.span, method, route.as_deref(), status.as_u16());
        tracing::info!(
            target: "icp_app::access",
            request_id = id.as_str(),
            trace_id = self.trace_id,
            actor,
            method,
            // The route and not the address: a query may hold what nobody should log.
            route = route.as_deref().unwrap_or("(none)"),
            status = status.as_u16(),
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        if let Some(api) = &self.api {
            api.metrics.answered(method, route, status.as_u16(), took);
        }
    }
}
