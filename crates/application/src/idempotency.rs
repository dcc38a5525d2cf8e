use aws_lc_rs::digest::{Context, SHA256};
use icp_ports::IdempotencyKey;

/// The client's key for a create or copy, which makes it safe to repeat (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey(String);

/// The error for a text that is not a valid key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 255 visible ASCII characters or spaces, and begin with a visible character")]
pub struct InvalidRequestKey;

/// Maximum length of a key in characters.
const MAX_KEY_CHARS: usize = 255;

impl RequestKey {
    /// Binds the key to the content of the request: the operation and its body.
    pub(crate) fn bind(&self, operation: &str, body: &str) -> IdempotencyKey {
        let mut digest = Context::new(&SHA256);
        digest.update(operation.as_bytes());
        digest.update(&[0]);
        digest.update(body.as_bytes());
        let fingerprint = digest.finish().as_ref().try_into().unwrap_or_default();
        IdempotencyKey { key: self.0.clone(), fingerprint }
    }
}

impl TryFrom<String> for RequestKey {
    type Error = InvalidRequestKey;

    fn try_from(text: String) -> Result<Self, InvalidRequestKey> {
        let is_valid = (1..=MAX_KEY_CHARS).contains(&text.len())
            && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
            && !text.starts_with(' ');
        if is_valid { Ok(Self(text)) } else { Err(InvalidRequestKey) }
    }
}

#[cfg(test)]
mod tests {
    use super::RequestKey;

    fn key(text: &str) -> Option<RequestKey> {
        text.to_owned().try_into().ok()
    }

    #[test]
    fn keys_are_visible_text() {
        for text in ["a", "two words", &"k".repeat(255), "\"\\"] {
            assert!(key(text).is_some(), "{text:?}");
        }
        for text in ["", " ", " a", &"k".repeat(256), "a\tb", "\u{e9}", "a\u{7f}"] {
            assert!(key(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn fingerprint_covers_operation_and_body() {
        let key = key("k").expect("must be valid");
        let first = key.bind("create", "{}");
        assert_eq!(first, key.bind("create", "{}"));
        for other in [key.bind("create", "{ }"), key.bind("copy", "{}")] {
            assert_ne!(first.fingerprint, other.fingerprint);
        }
    }
}
