//! Bodies of JSON.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use icp_domain::json::Pointer;
use icp_domain::{Fault, FaultCode, Faults, limits};

use super::load::Load;
use super::problem::ApiError;
use super::request_body::{READ_LIMIT, RequestBody, Unread};
use crate::offload;

/// The media types that a route takes.
pub(super) type MediaTypes = &'static [&'static str];

pub(super) const JSON: MediaTypes = &["application/json"];
/// RFC 7396: its rules for the members of an object are those of this API for the top level.
pub(super) const JSON_OR_MERGE_PATCH: MediaTypes = &["application/json", "application/merge-patch+json"];

/// The text of a body that says it is JSON.
pub(super) struct JsonBody(Arc<str>);

impl JsonBody {
    /// Reads the body.
    pub(super) async fn read(request: &HttpRequest, accepted: MediaTypes) -> Result<Self, ApiError> {
        if !is_accepted(request.headers(), accepted) {
            return Err(ApiError::UnsupportedMediaType { accepted });
        }
        Self::read_up_to(request, limits::BODY_BYTES).await
    }

    /// Reads the body of a route that looks after its type and size itself.
    pub(super) async fn read_up_to(request: &HttpRequest, max: usize) -> Result<Self, ApiError> {
        let bytes =
            Load::pause(request, RequestBody::read(request, max)).await?.map_err(|unread| match unread {
                Unread::TooLarge => ApiError::PayloadTooLarge,
                Unread::TooSlow => malformed(format!("must arrive within {} seconds", READ_LIMIT.as_secs())),
                Unread::Broken => malformed("must arrive in full".to_owned()),
            })?;
        let text = String::from_utf8(bytes.into()).map_err(|_| malformed("must be UTF-8".to_owned()))?;
        Ok(Self(text.into()))
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Reads something from the text.
    pub(super) async fn parse<T: Send + 'static>(
        &self,
        read: impl FnOnce(&str) -> Result<T, Faults> + Send + 'static,
    ) -> Result<T, ApiError> {
        let text = Arc::clone(&self.0);
        let reading = offload::for_text(text.len(), move || read(&text)).await;
        reading.map_err(ApiError::Internal)?.map_err(ApiError::InvalidBody)
    }

    /// By which the same body is known again.
    pub(super) fn digest(&self) -> [u8; 32] {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.0.as_bytes());
        digest.as_ref().try_into().unwrap_or_default()
    }
}

impl From<&str> for JsonBody {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

fn malformed(detail: String) -> ApiError {
    let fault = Fault { pointer: Pointer::default(), code: FaultCode::Malformed, detail: detail.into() };
    ApiError::InvalidBody(fault.into())
}

/// Whether the body is of one of these types, in UTF-8, and not compressed.
fn is_accepted(headers: &HeaderMap, accepted: MediaTypes) -> bool {
    let plain = |coding: &[u8]| coding.eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).all(|coding| plain(coding.as_bytes())) {
        return false;
    }
    let mut lines = headers.get_all(CONTENT_TYPE);
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let mut parts = line.to_str().unwrap_or_default().split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    accepted.iter().any(|accepted| media_type.eq_ignore_ascii_case(accepted)) && parts.all(is_harmless)
}

/// Of parameters, only another charset changes what the bytes mean.
fn is_harmless(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
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
    fn json_is_accepted_however_it_is_written() {
        for line in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json ; x=y",
            "application/json;",
        ] {
            assert!(is_accepted(&headers(&[(CONTENT_TYPE, line)]), JSON), "{line}");
        }
        let merge_patch = headers(&[(CONTENT_TYPE, "application/merge-patch+json")]);
        assert!(is_accepted(&merge_patch, JSON_OR_MERGE_PATCH) && !is_accepted(&merge_patch, JSON));
        let plain = headers(&[(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "identity")]);
        assert!(is_accepted(&plain, JSON));
    }

    #[test]
    fn other_types_charsets_and_codings_are_not() {
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
        assert!(!is_accepted(&headers(&[]), JSON), "none");
        let twice = headers(&[(CONTENT_TYPE, "application/json"), (CONTENT_TYPE, "application/json")]);
        assert!(!is_accepted(&twice, JSON), "two");
        let compressed = headers(&[(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "gzip")]);
        assert!(!is_accepted(&compressed, JSON), "compressed");
    }
}
