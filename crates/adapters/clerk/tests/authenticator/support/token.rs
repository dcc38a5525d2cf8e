//! Builds valid and invalid tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::rsa::TestKey;

/// The initial time of the test clock, in seconds since 1970.
pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const ISSUER: &str = "https://clerk.example.com";
pub(crate) const USER: &str = "user_abc123";

/// Builds a JSON object. Values are JSON text, so that a test can write invalid values.
#[derive(Clone, Debug, Default)]
pub(crate) struct JsonObject(Vec<(String, String)>);

impl JsonObject {
    /// Sets a property. An existing property keeps its position.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        match self.0.iter_mut().find(|(existing, _)| existing == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        let count_before = self.0.len();
        self.0.retain(|(existing, _)| existing != name);
        assert_eq!(self.0.len() + 1, count_before, "the object must have exactly one property `{name}`");
        self
    }

    pub(crate) fn text(&self) -> String {
        let properties: Vec<_> = self.0.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        format!("{{{}}}", properties.join(","))
    }
}

/// The header of a session token.
pub(crate) fn header() -> JsonObject {
    JsonObject::default()
        .set("alg", r#""RS256""#)
        .set("cat", r#""cl_B7d4PD111AAA""#)
        .set("kid", r#""key_1""#)
        .set("typ", r#""JWT""#)
}

/// The claims of a session token that was issued ten seconds ago.
pub(crate) fn claims() -> JsonObject {
    JsonObject::default()
        .set("azp", r#""https://app.example.com""#)
        .set("exp", &(NOW + 50).to_string())
        .set("fva", "[5,-1]")
        .set("iat", &(NOW - 10).to_string())
        .set("iss", &format!(r#""{ISSUER}""#))
        .set("jti", r#""a1b2c3""#)
        .set("nbf", &(NOW - 20).to_string())
        .set("sid", r#""sess_1""#)
        .set("sub", &format!(r#""{USER}""#))
        .set("v", "2")
}

/// Returns a token with a valid signature. The header and the payload can be arbitrary bytes.
pub(crate) fn sign_parts(key: &TestKey, header: &[u8], payload: &[u8]) -> String {
    let signed = unsigned_token(header, payload);
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(crate) fn unsigned_token(header: &[u8], payload: &[u8]) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

pub(crate) fn token(key: &TestKey, header: &JsonObject, claims: &JsonObject) -> String {
    sign_parts(key, header.text().as_bytes(), claims.text().as_bytes())
}
