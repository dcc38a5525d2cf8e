use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use icp_domain::json::Pointer;
use icp_domain::{Violation, ViolationCode, limits};

use crate::http::error::ApiError;
use crate::http::limits::Concurrency;
use crate::http::middleware::{BodyReadError, READ_LIMIT, RequestBody};

/// The media type of every body except a patch.
const JSON: &[&str] = &["application/json"];
/// The media types of a patch. At the top level of the document, the API follows the rules of JSON Merge Patch (RFC
/// 7396).
const JSON_OR_MERGE_PATCH: &[&str] = &["application/json", "application/merge-patch+json"];

/// The text of a body in JSON.
pub(in crate::http) type JsonBody = Body<JsonOnly>;
/// The text of a body in JSON or JSON Merge Patch.
pub(in crate::http) type PatchBody = Body<JsonOrMergePatch>;

/// The text of a body with one of the media types of `M`.
pub(in crate::http) struct Body<M>(pub(in crate::http) Arc<str>, PhantomData<M>);

pub(in crate::http) trait MediaTypes {
    const ACCEPTED: &'static [&'static str];
}

pub(in crate::http) struct JsonOnly;
pub(in crate::http) struct JsonOrMergePatch;

impl MediaTypes for JsonOnly {
    const ACCEPTED: &'static [&'static str] = JSON;
}

impl MediaTypes for JsonOrMergePatch {
    const ACCEPTED: &'static [&'static str] = JSON_OR_MERGE_PATCH;
}

impl<M: MediaTypes> FromRequest for Body<M> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            if !is_accepted(request.headers(), M::ACCEPTED) {
                return Err(ApiError::UnsupportedMediaType { accepted: M::ACCEPTED });
            }
            let text = read_text(&request, limits::BODY_BYTES, || ApiError::PayloadTooLarge).await?;
            Ok(Self(text, PhantomData))
        })
    }
}

/// The text of a body in JSON, or `None` if the body is missing or empty.
pub(in crate::http) struct OptionalJsonBody(pub(in crate::http) Option<Arc<str>>);

impl FromRequest for OptionalJsonBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let is_accepted = is_accepted(request.headers(), JSON);
            let unsupported = || ApiError::UnsupportedMediaType { accepted: JSON };
            if !is_accepted && request.headers().contains_key(CONTENT_TYPE) {
                return Err(unsupported());
            }
            let text = read_text(&request, limits::BODY_BYTES, || ApiError::PayloadTooLarge).await?;
            match text.is_empty() {
                true => Ok(Self(None)),
                false if is_accepted => Ok(Self(Some(text))),
                false => Err(unsupported()),
            }
        })
    }
}

/// Fails unless the headers of the request declare an uncompressed JSON body in UTF-8.
pub(in crate::http) fn require_json(request: &HttpRequest) -> Result<(), ApiError> {
    let is_json = is_accepted(request.headers(), JSON);
    if is_json { Ok(()) } else { Err(ApiError::UnsupportedMediaType { accepted: JSON }) }
}

/// Reads the body of a request. Fails with `too_large` if the body has more than `max` bytes, and with a violation if
/// it is incomplete, too slow or not UTF-8. Fails with [`ApiError::Overloaded`] if too many requests wait, or if the
/// limit of requests in flight is reached after the wait.
pub(in crate::http) async fn read_text(
    request: &HttpRequest,
    max: usize,
    too_large: impl FnOnce() -> ApiError,
) -> Result<Arc<str>, ApiError> {
    let reading = RequestBody::read(request, max);
    let bytes = Concurrency::wait_outside_limit(request, reading).await?.map_err(|error| match error {
        BodyReadError::TooLarge => too_large(),
        BodyReadError::TooSlow => {
            malformed_body(format!("must arrive within {} seconds", READ_LIMIT.as_secs()))
        }
        BodyReadError::Incomplete => malformed_body("must be complete"),
    })?;
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed_body("must be UTF-8"))?;
    Ok(text.into())
}

pub(in crate::http) fn malformed_body(detail: impl Into<Cow<'static, str>>) -> ApiError {
    let violation =
        Violation { pointer: Pointer::default(), code: ViolationCode::Malformed, detail: detail.into() };
    ApiError::InvalidBody(violation.into())
}

/// Returns true if the headers declare an uncompressed body in UTF-8 with one of these media types.
fn is_accepted(headers: &HeaderMap, accepted: &[&str]) -> bool {
    let is_uncompressed = |coding: &[u8]| coding.eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).all(|coding| is_uncompressed(coding.as_bytes())) {
        return false;
    }
    let mut lines = headers.get_all(CONTENT_TYPE);
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let mut parts = line.to_str().unwrap_or_default().split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    accepted.iter().any(|accepted| media_type.eq_ignore_ascii_case(accepted)) && parts.all(allows_utf8)
}

/// Returns true unless the parameter of a media type names a charset other than UTF-8.
fn allows_utf8(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let charset = value.trim().trim_matches('"');
            // `utf8` is a common misspelling of `utf-8`.
            charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

    use super::{JSON, JSON_OR_MERGE_PATCH, is_accepted};

    fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(name.clone(), HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn json_media_type_is_accepted_in_every_form() {
        for line in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json; charset=utf8",
            "application/json ; x=y",
            "application/json;",
        ] {
            assert!(is_accepted(&headers(&[(CONTENT_TYPE, line)]), JSON), "{line}");
        }
        let merge_patch = headers(&[(CONTENT_TYPE, "application/merge-patch+json")]);
        assert!(is_accepted(&merge_patch, JSON_OR_MERGE_PATCH) && !is_accepted(&merge_patch, JSON));
        let uncompressed = headers(&[(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "identity")]);
        assert!(is_accepted(&uncompressed, JSON));
    }

    #[test]
    fn other_media_types_charsets_and_codings_are_rejected() {
        for line in [
            "",
            "text/plain",
            "application/jsonx",
            "text/json",
            "application/json-patch+json",
            "application/vnd.api+json",
            "application/json, text/plain",
            "application/json; charset=utf-16",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!is_accepted(&headers(&[(CONTENT_TYPE, line)]), JSON_OR_MERGE_PATCH), "{line}");
        }
        assert!(!is_accepted(&headers(&[]), JSON), "a Content-Type is required");
        let repeated = headers(&[(CONTENT_TYPE, "application/json"), (CONTENT_TYPE, "application/json")]);
        assert!(!is_accepted(&repeated, JSON), "only one Content-Type is allowed");
        let compressed = headers(&[(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "gzip")]);
        assert!(!is_accepted(&compressed, JSON), "a compressed body must be rejected");
    }
}
