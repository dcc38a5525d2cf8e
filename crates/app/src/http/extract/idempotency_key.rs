use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};
use icp_application::{InvalidRequestKey, RequestKey};
use icp_domain::ViolationCode;

use crate::http::error::{ApiError, ParameterViolation};

const HEADER_NAME: &str = "Idempotency-Key";

/// The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header), if there is one.
pub(in crate::http) struct IdempotencyKeyHeader(pub(in crate::http) Option<RequestKey>);

impl FromRequest for IdempotencyKeyHeader {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(key(request.headers()).map(Self))
    }
}

fn key(headers: &HeaderMap) -> Result<Option<RequestKey>, ApiError> {
    let mut lines = headers.get_all(HEADER_NAME);
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(
            ParameterViolation::new(HEADER_NAME, ViolationCode::InvalidValue, "must be sent once").into()
        );
    }
    let text = line.to_str().ok().and_then(unquote).ok_or_else(|| {
        let detail =
            "must be visible ASCII characters; put a key with spaces or quotes into quotes (RFC 8941)";
        ParameterViolation::new(HEADER_NAME, ViolationCode::InvalidValue, detail)
    })?;
    text.try_into().map(Some).map_err(|error| invalid_key(HEADER_NAME, error))
}

/// Returns the error of a request with an invalid key in this parameter.
pub(in crate::http) fn invalid_key(parameter: &'static str, error: InvalidRequestKey) -> ApiError {
    ParameterViolation::new(parameter, ViolationCode::InvalidValue, error.to_string()).into()
}

/// Returns the key in a header line, or `None` if the line is malformed. The draft requires a quoted string, but most
/// clients send the key without quotes.
fn unquote(line: &str) -> Option<String> {
    let Some(quoted) = line.strip_prefix('"') else {
        return line
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
            .then(|| line.to_owned());
    };
    // RFC 8941, section 3.3.3: a backslash may only escape a quote or a backslash.
    let mut key = String::new();
    let mut characters = quoted.strip_suffix('"')?.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => key.push(characters.next().filter(|escaped| ['"', '\\'].contains(escaped))?),
            ' '..='~' if character != '"' => key.push(character),
            _ => return None,
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
    use icp_application::RequestKey;

    fn key(lines: &[&str]) -> Result<Option<RequestKey>, ()> {
        let mut headers = HeaderMap::new();
        for line in lines {
            let name = HeaderName::from_static("idempotency-key");
            headers.append(name, HeaderValue::from_str(line).expect("must be a valid header value"));
        }
        super::key(&headers).map_err(drop)
    }

    #[test]
    fn key_is_accepted_with_and_without_quotes() {
        assert_eq!(key(&[]), Ok(None));
        for (line, expected) in [
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("a", "a"),
            ("\"two words\"", "two words"),
            (r#""a \"b\" \\""#, r#"a "b" \"#),
            (&"k".repeat(255), &"k".repeat(255)),
        ] {
            assert_eq!(key(&[line]), Ok(expected.to_owned().try_into().ok()), "{line}");
        }
    }

    #[test]
    fn invalid_keys_are_refused() {
        for line in [
            "",
            "\"\"",
            "\" \"",
            "two words",
            "\"",
            "\"a",
            "a\"",
            "\"a\"b\"",
            r#""a\b""#,
            r#""a\""#,
            "\u{e9}",
            "\"\t\"",
        ] {
            assert_eq!(key(&[line]), Err(()), "{line:?}");
        }
        assert_eq!(key(&[&"k".repeat(256)]), Err(()));
        assert_eq!(key(&["a", "a"]), Err(()), "a header that is sent twice must be refused");
    }
}
