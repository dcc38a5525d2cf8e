//! Conversions between the HTTP types of actix and of the SDK.

use actix_web::{HttpRequest, HttpResponseBuilder};
use http_body_util::Full;
use http_body_util::combinators::BoxBody;
use url::Url;

use super::Call;
use crate::http::error::ApiError;
use actix_web::web::Bytes;

type SdkResponse = http::Response<BoxBody<Bytes, std::convert::Infallible>>;

/// The `Accept` header that the SDK requires. The service sends only JSON, so it also serves clients that accept less.
const ACCEPT_HEADER: &str = "application/json, text/event-stream";

/// Converts an HTTP request to the type of the SDK, with the call as an extension.
pub(super) fn to_sdk(
    request: &HttpRequest,
    message: &str,
    call: Call,
) -> Result<http::Request<Full<Bytes>>, ApiError> {
    let mut copy = http::Request::post(request.path());
    copy = copy.header(http::header::ACCEPT, ACCEPT_HEADER);
    for (name, value) in request.headers().iter().filter(|(name, _)| name.as_str() != "accept") {
        copy = copy.header(name.as_str(), value.as_bytes());
    }
    let body = Full::new(Bytes::copy_from_slice(message.as_bytes()));
    let mut copy = copy.body(body).map_err(|_| ApiError::BadRequest)?;
    copy.extensions_mut().insert(call);
    Ok(copy)
}

pub(super) fn copy_headers(sdk_response: &SdkResponse, response: &mut HttpResponseBuilder) {
    for (name, value) in sdk_response.headers() {
        response.insert_header((name.as_str(), value.as_bytes()));
    }
}

/// Adds the default port to an origin without a port. The SDK would otherwise accept the origin with every port.
pub(super) fn with_port(origin: &str) -> String {
    let port = Url::parse(origin)
        .ok()
        .filter(|url| url.port().is_none())
        .and_then(|url| url.port_or_known_default());
    match port {
        Some(port) => format!("{origin}:{port}"),
        None => origin.to_owned(),
    }
}
