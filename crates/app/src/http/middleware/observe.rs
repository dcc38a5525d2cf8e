use std::rc::Rc;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use icp_domain::{Caller, UserId};
use tracing::Instrument as _;

use super::request_id::{self, RequestId};
use crate::http::state::State;

/// Middleware: gives each request its ID, its span, its line in the log and its place in the metrics.
pub(in crate::http) async fn observe<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let state = State::of(&request)?;
    let started = Instant::now();
    let id = RequestId::assign(request.headers_mut());
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let span = icp_observability::request_span(request.method().as_str(), &header);
    let trace_id = icp_observability::trace_id(&span, &header);
    let mut response = next.call(request).instrument(span.clone()).await?;

    let duration = started.elapsed();
    let status = response.status().as_u16();
    let request = response.request();
    let (method, route) = (request.method().as_str(), request.match_pattern());
    icp_observability::end_request(&span, method, route.as_deref(), status);
    tracing::info!(
        target: "icp_app::access",
        request_id = id.as_str(),
        trace_id,
        // The person who impersonates the user.
        actor = request.extensions().get::<Rc<Caller>>().and_then(|caller| caller.actor()).map(UserId::as_str),
        method,
        // The route and not the URL: a query may contain secrets.
        route = route.as_deref().unwrap_or("(none)"),
        status,
        micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    state.metrics.answered(method, route, status, duration);

    let headers = response.headers_mut();
    headers.insert(request_id::HEADER, id.into_header());
    // Users write the texts in responses: no browser may take a response for a page or a script.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}
