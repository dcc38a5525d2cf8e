//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header).

use actix_web::http::header::HeaderMap;

use super::problem::{ApiError, ParameterFault};

const NAME: &str = "Idempotency-Key";

/// In characters.
const MAX_LENGTH: usize = 255;

/// The client's name for a request, if it has one. The draft wants a quoted string; most clients send it bare, and both are
/// the same key.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut lines = headers.get_all(NAME);
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(invalid("must be sent once"));
    }
    let key = line.to_str().ok().and_then(read);
    key.filter(|key| is_fit(key))
        .map(Some)
        .ok_or_else(|| invalid("must have from 1 to 255 visible ASCII characters, in quotes or bare"))
}

/// Whether a key has the right length and the right characters.
pub(super) fn is_fit(key: &str) -> bool {
    (1..=MAX_LENGTH).contains(&key.len()) && key.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// What is meant by a header's text.
fn read(line: &str) -> Option<String> {
    let Some(quoted) = line.strip_prefix('"') else {
        return line
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
            .then(|| line.to_owned());
    };
    // RFC 8941, section 3.3.3: a backslash stands before a quote or a backslash, and nowhere else.
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

fn invalid(detail: &'static str) -> ApiError {
    ParameterFault::alone(NAME, detail)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::of;

    fn key(lines: &[&str]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        for line in lines {
            let name = HeaderName::from_static("idempotency-key");
            headers.append(name, HeaderValue::from_str(line).expect("a header"));
        }
        of(&headers).map_err(drop)
    }

    #[test]
    fn a_key_is_read_in_quotes_or_bare() {
        assert_eq!(key(&[]), Ok(None));
        for (line, expected) in [
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("a", "a"),
            ("\"two words\"", "two words"),
            (r#""a \"b\" \\""#, r#"a "b" \"#),
            (&"k".repeat(255), &"k".repeat(255)),
        ] {
            assert_eq!(key(&[line]), Ok(Some(expected.to_owned())), "{line}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for line in [
            "",
            "\"\"",
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
        assert_eq!(key(&["a", "a"]), Err(()), "sent twice");
    }
}
