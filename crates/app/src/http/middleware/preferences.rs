use actix_web::HttpMessage as _;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderName, HeaderValue};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// An extension that marks requests with strict handling of parameters.
pub(in crate::http) struct StrictHandling;

/// Inserts `Preference-Applied` (RFC 7240, section 3) if the request is marked with [`StrictHandling`].
pub(super) fn acknowledge_preferences<B>(response: &mut ServiceResponse<B>) {
    if response.request().extensions().contains::<StrictHandling>() {
        response.headers_mut().insert(PREFERENCE_APPLIED, HeaderValue::from_static("handling=strict"));
    }
}
