use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub(in crate::http) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Maximum length in bytes of an ID from a client.
const MAX_ID_BYTES: usize = 128;

/// The ID of a request in logs and responses: the ID that the client sent, or a new ID.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// Returns the client's ID if it is valid in a log line and a header. Otherwise assigns a new ID to the request.
    pub(super) fn assign(headers: &mut HeaderMap) -> Self {
        match headers.get(HEADER) {
            Some(value) if is_valid(value.as_bytes()) => Self(value.clone()),
            _ => {
                let id = Self::random();
                headers.insert(HEADER, id.0.clone());
                id
            }
        }
    }

    /// Returns the ID that was assigned to the request.
    pub(in crate::http) fn of(request: &HttpRequest) -> Self {
        request.headers().get(HEADER).map_or_else(Self::random, |value| Self(value.clone()))
    }

    #[expect(clippy::disallowed_methods, reason = "no test depends on the ID")]
    fn random() -> Self {
        let id = Uuid::new_v4().hyphenated().to_string();
        Self(HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("")))
    }

    pub(in crate::http) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(super) fn into_header(self) -> HeaderValue {
        self.0
    }
}

fn is_valid(id: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.iter().all(is_plain)
}
