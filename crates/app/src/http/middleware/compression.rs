//! The content coding of responses. actix compresses the responses. This module sets `ETag` and `Vary`, and limits how
//! many large responses are compressed.

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Version;
use actix_web::http::header::{
    ACCEPT_ENCODING, AcceptEncoding, CONTENT_ENCODING, ContentEncoding, Encoding, HeaderMap, HeaderValue,
    VARY,
};
use actix_web::{Error, HttpMessage};
use icp_domain::UserId;
use icp_permits::KeyedPermit;

use super::layer::Middleware;
use crate::http::etag;
use crate::http::limits::Concurrency;

/// Middleware around actix's `Compress`: normalizes `Accept-Encoding` of the request, and sets `ETag` and `Vary` of the
/// response.
#[derive(Clone, Copy)]
pub(in crate::http) struct NegotiateCoding;

impl<B: MessageBody> Middleware<B> for NegotiateCoding {
    type RequestData = ();
    type Body = B;

    fn before(request: &mut ServiceRequest) {
        // Compressed bodies are sent in chunks, which HTTP/1.0 does not have.
        if request.version() < Version::HTTP_11 || !is_negotiable(request) {
            request.headers_mut().remove(ACCEPT_ENCODING);
        }
    }

    fn after((): (), mut response: ServiceResponse<B>) -> Result<ServiceResponse<B>, Error> {
        let headers = response.headers_mut();
        if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding == IDENTITY) {
            headers.remove(CONTENT_ENCODING);
        }
        let coding = headers.get(CONTENT_ENCODING).and_then(|coding| coding.to_str().ok()).map(str::to_owned);
        etag::mark_coding(headers, coding.as_deref());
        merge_vary(headers);
        Ok(response)
    }
}

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Maximum size in bytes of a response that is compressed without a permit. Compression up to this size takes only a
/// few milliseconds.
const MAX_SMALL_RESPONSE_BYTES: u64 = 64 * 1024;

/// Returns the permit to compress a large response. If the user has no permit left, returns `None` and marks the
/// response so that actix does not compress it. Returns `None` for a small response, which needs no permit.
pub(super) fn limit_compression<B: MessageBody>(
    concurrency: &Concurrency,
    user_id: &UserId,
    response: &mut ServiceResponse<B>,
) -> Option<KeyedPermit<UserId>> {
    if matches!(
        response.response().body().size(),
        BodySize::None | BodySize::Sized(..=MAX_SMALL_RESPONSE_BYTES)
    ) {
        return None;
    }
    let permit = concurrency.admit_compression(user_id);
    if permit.is_none() {
        // actix does not compress a response that has a coding.
        response.headers_mut().insert(CONTENT_ENCODING, IDENTITY);
    }
    permit
}

/// The codings of actix, in its order of preference.
const CODINGS: [Encoding; 3] = [Encoding::identity(), Encoding::gzip(), Encoding::deflate()];

/// Returns the coding that `Accept-Encoding` of the request selects, or `None` if it selects an uncompressed response.
pub(in crate::http) fn response_coding(request: &impl HttpMessage) -> Option<&'static str> {
    match request.get_header::<AcceptEncoding>()?.negotiate(CODINGS.iter())? {
        Encoding::Known(ContentEncoding::Identity) | Encoding::Unknown(_) => None,
        Encoding::Known(coding) => Some(coding.as_str()),
    }
}

/// Returns true if the client accepts gzip, the coding of some stored files.
pub(in crate::http) fn accepts_gzip(request: &impl HttpMessage) -> bool {
    let codings = [Encoding::identity(), Encoding::gzip()];
    request
        .get_header::<AcceptEncoding>()
        .is_some_and(|accepted| accepted.negotiate(codings.iter()) == Some(Encoding::gzip()))
}

/// Returns true if the client accepts one of [`CODINGS`]. A client that accepts none of them gets an uncompressed
/// response, which RFC 9110, section 12.5.3, allows.
fn is_negotiable(request: &impl HttpMessage) -> bool {
    request.get_header::<AcceptEncoding>().is_none_or(|accepted| accepted.negotiate(CODINGS.iter()).is_some())
}

/// Joins the lines of `Vary`, and removes repeated names.
fn merge_vary(headers: &mut HeaderMap) {
    if headers.get_all(VARY).nth(1).is_none() {
        return;
    }
    let mut names: Vec<String> = Vec::new();
    for name in headers.get_all(VARY).filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')) {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name.trim())) {
            names.push(name.trim().to_owned());
        }
    }
    if let Ok(line) = HeaderValue::from_str(&names.join(", ")) {
        headers.insert(VARY, line);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use actix_web::HttpResponse;
    use actix_web::http::header::CONTENT_ENCODING;
    use actix_web::test::TestRequest;
    use icp_domain::UserId;
    use icp_observability::Metrics;

    use super::limit_compression;
    use crate::http::limits::Concurrency;

    #[test]
    fn one_large_response_per_user_is_compressed() {
        let concurrency = Concurrency::new(1, NonZeroUsize::MIN, &Metrics::new(Vec::new()));
        let [ada, bob] =
            ["user_ada", "user_bob"].map(|id| id.parse::<UserId>().expect("must be a valid user ID"));
        let respond = |user: &UserId, bytes: usize| {
            let response = HttpResponse::Ok().body("x".repeat(bytes));
            let mut response = TestRequest::default().to_srv_response(response);
            let permit = limit_compression(&concurrency, user, &mut response);
            (permit, !response.headers().contains_key(CONTENT_ENCODING))
        };
        let (first, is_compressed) = respond(&ada, 100_000);
        assert!(first.is_some() && is_compressed, "the first large response must be compressed");
        assert!(!respond(&ada, 100_000).1, "a second large response must not be compressed at the same time");
        assert!(respond(&ada, 1_000).1, "small responses must not be counted");
        assert!(respond(&bob, 100_000).1, "other users must have their own permits");
        drop(first);
        assert!(respond(&ada, 100_000).1, "the next large response must be compressed");
    }
}
