use actix_web::Error;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Version};
use actix_web::web::Data;

use super::layer::Middleware;
use crate::http::body::GuardedBody;
use crate::http::connections::InFlight;
use crate::http::error::ApiError;
use crate::http::state::State;

/// Middleware: decides whether the connection is closed after the response, and sets the `Connection` header.
///
/// After a request with `Connection: upgrade`, actix closes the connection without telling the client. The service
/// supports no upgrades, so it ignores the option (RFC 9110, section 7.8) and sends `Connection: close` (RFC 9112,
/// section 9.6).
#[derive(Clone, Copy)]
pub(in crate::http) struct ConnectionRules;

/// The properties of a request that decide whether its connection stays open.
pub(in crate::http) struct Connection {
    state: Result<Data<State>, ApiError>,
    in_flight: InFlight,
    is_upgrade: bool,
    is_http_1_0: bool,
}

impl<B: MessageBody> Middleware<B> for ConnectionRules {
    type RequestData = Connection;
    type Body = GuardedBody<B, InFlight>;

    fn before(request: &mut ServiceRequest) -> Connection {
        Connection {
            state: State::of(request),
            in_flight: InFlight::begin(request),
            is_upgrade: request.head().upgrade(),
            is_http_1_0: request.version() < Version::HTTP_11,
        }
    }

    fn after(
        data: Connection,
        mut response: ServiceResponse<B>,
    ) -> Result<ServiceResponse<Self::Body>, Error> {
        let Connection { state, in_flight, is_upgrade, is_http_1_0 } = data;
        let is_stream = response.response().body().size() == BodySize::Stream;
        let head = response.response_mut().head_mut();
        if is_stream && (is_http_1_0 || is_upgrade) {
            // HTTP/1.0 has no chunks, so the end of the connection is the end of the body (RFC 9112, section 6.1).
            head.no_chunking(true);
        }
        if is_upgrade || (is_http_1_0 && is_stream) || state?.draining.has_begun() {
            head.set_connection_type(ConnectionType::Close);
        }
        Ok(response.map_body(|_, body| GuardedBody::new(body, in_flight)))
    }
}
