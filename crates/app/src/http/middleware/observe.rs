use std::rc::Rc;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _};
use icp_domain::{Caller, UserId};
use icp_observability::RejectionCause;
use tracing::Span;

use super::layer::Middleware;
use super::request_id::{self, RequestId};
use crate::http::error::ApiError;
use crate::http::state::State;
use crate::http::system::READINESS_PATH;

/// Middleware: assigns the ID of each request, and records its span, its log line and its metrics. Also inserts the
/// headers that every response has.
#[derive(Clone, Copy)]
pub(in crate::http) struct Observe;

/// The data of a request that is recorded with its response.
pub(in crate::http) struct Observed {
    state: Result<Data<State>, ApiError>,
    started: Instant,
    id: RequestId,
    method: &'static str,
    span: Span,
    trace_id: Option<String>,
}

impl<B: MessageBody> Middleware<B> for Observe {
    type RequestData = Observed;
    type Body = B;

    fn before(request: &mut ServiceRequest) -> Observed {
        let (state, started) = (State::of(request), Instant::now());
        let id = RequestId::assign(request.headers_mut());
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        let method = icp_observability::method_name(request.method().as_str());
        let span = icp_observability::request_span(method, &header);
        let trace_id = icp_observability::trace_id(&span, &header);
        Observed { state, started, id, method, span, trace_id }
    }

    fn within<T>(data: &Observed, poll: impl FnOnce() -> T) -> T {
        data.span.in_scope(poll)
    }

    fn after(data: Observed, mut response: ServiceResponse<B>) -> Result<ServiceResponse<B>, Error> {
        let Observed { state, started, id, method, span, trace_id } = data;
        let duration = started.elapsed();
        let status = response.status().as_u16();
        let request = response.request();
        let route = request.match_pattern();
        icp_observability::end_request(&span, method, route.as_deref(), status);
        tracing::info!(
            target: "icp_app::access",
            request_id = id.as_str(),
            trace_id,
            // The person who impersonates the user.
            actor = request.extensions().get::<Rc<Caller>>().and_then(|caller| caller.actor()).map(UserId::as_str),
            method,
            // Records the route instead of the URL, because a query may contain secrets.
            route = route.as_deref().unwrap_or("(none)"),
            status,
            micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            "request completed"
        );
        let metrics = &state?.metrics;
        match status {
            503 if route.as_deref() != Some(READINESS_PATH) => {
                metrics.record_rejection(RejectionCause::Overload);
            }
            429 => metrics.record_rejection(RejectionCause::RateLimit),
            _ => {}
        }
        metrics.record_response(method, route, status, duration);

        let headers = response.headers_mut();
        headers.insert(request_id::HEADER, id.into_header());
        // Responses contain texts of users. Browsers must not interpret them as pages or scripts.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok(response)
    }
}
