use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// An extension of requests whose parameters were handled strictly.
pub(in crate::http) struct StrictHandling;

/// Middleware: tells the client which of its preferences was applied (RFC 7240, section 3).
pub(in crate::http) async fn acknowledge_preferences<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    if response.request().extensions().contains::<StrictHandling>() {
        response.headers_mut().insert(PREFERENCE_APPLIED, HeaderValue::from_static("handling=strict"));
    }
    Ok(response)
}
