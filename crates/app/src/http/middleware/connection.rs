use actix_web::Error;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Version};
use actix_web::middleware::Next;

use crate::http::body::Guarded;
use crate::http::connections::InFlight;
use crate::http::state::State;

/// Middleware: decides whether the connection is closed after the response, and tells the client.
///
/// actix treats `Connection: upgrade` as the end of HTTP on the connection, without telling the client. The service upgrades
/// to nothing, and so it ignores the option (RFC 9110, section 7.8) and announces the end (RFC 9112, section 9.6).
pub(in crate::http) async fn follow_connection_rules<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Guarded<B, InFlight>>, Error> {
    let state = State::of(&request)?;
    let in_flight = InFlight::begin(&request);
    let is_upgrade = request.head().upgrade();
    let is_old = request.version() < Version::HTTP_11;
    let mut response = next.call(request).await?;
    let is_stream = response.response().body().size() == BodySize::Stream;
    let head = response.response_mut().head_mut();
    if is_stream && (is_old || is_upgrade) {
        // HTTP/1.0 has no chunks: the end of the connection is the end of the body (RFC 9112, section 6.1).
        head.no_chunking(true);
    }
    if is_upgrade || (is_old && is_stream) || state.draining.has_begun() {
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(response.map_body(|_, body| Guarded::new(body, in_flight)))
}
