//! The id by which a request is found again in logs: the client's own, or a new one.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// A client's id is taken over up to this length.
const MAX_LENGTH: usize = 128;

#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The one that the client sent, when it is fit for a log line and a header; otherwise a new one, which is then the
    /// request's.
    pub(super) fn settle(headers: &mut HeaderMap) -> Self {
        match headers.get(HEADER) {
            Some(value) if is_fit(value.as_bytes()) => Self(value.clone()),
            _ => {
                let id = Self::random();
                headers.insert(HEADER, id.0.clone());
                id
            }
        }
    }

    /// The one that was settled on when the request came in.
    pub(super) fn of(request: &HttpRequest) -> Self {
        request.headers().get(HEADER).map_or_else(Self::random, |value| Self(value.clone()))
    }

    #[expect(clippy::disallowed_methods, reason = "it names a log line, and no test needs to foresee it")]
    fn random() -> Self {
        let id = Uuid::new_v4().hyphenated().to_string();
        Self(HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("")))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(super) fn into_header(self) -> HeaderValue {
        self.0
    }
}

fn is_fit(id: &[u8]) -> bool {
    let fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(fit)
}
