//! The header of a token (docs/reference/clerk-tokens.md, sections 2.2 to 2.4 and 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::rejection::{MALFORMED_TOKEN, Rejection, require};

/// The values of `cat` that a session token may have. The first one means "session token". Clerk writes the second one
/// into tokens that it does not categorize.
const SESSION_CATEGORIES: [&str; 2] = ["cl_B7d4PD111AAA", "cl_I7d4PD111III"];
/// The values of `typ` in OAuth access tokens (RFC 9068, section 2.1), which are compared without regard to case.
const ACCESS_TOKEN_TYPES: [&str; 2] = ["at+jwt", "application/at+jwt"];

/// A header field or a claim. A field with the value `null` is present.
///
/// The type of the value is checked only when the value is read. A field that the rules ignore may have any type.
#[derive(Default)]
pub(crate) struct Field(Option<Box<RawValue>>);

impl Field {
    /// Returns the JSON text of the value, or `None` if the field is absent.
    pub(crate) fn json(&self) -> Option<&str> {
        self.0.as_deref().map(RawValue::get)
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the value, or `None` if the field is absent or has another type.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.json()?).ok()
    }

    /// Returns the value, or `None` if the field is absent or not a string.
    pub(crate) fn text(&self) -> Option<String> {
        self.read()
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}

/// The header fields that are checked. All other fields are ignored, including `jku`, `jwk`, `x5u` and `x5c`.
/// An attacker could write a key or the URL of a key into these four fields.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Header {
    alg: Field,
    typ: Field,
    cat: Field,
    crit: Field,
    b64: Field,
    pub(crate) kid: Field,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenType {
    Session,
    /// An OAuth access token.
    Access,
}

impl Header {
    /// Parses the header of `token`. Fails with `malformed_token` if the header is not a JSON object in base64url,
    /// or if a checked field appears twice.
    pub(crate) fn parse(token: &[u8]) -> Result<Self, Rejection> {
        let encoded = token.split(|byte| *byte == b'.').next().unwrap_or_default();
        let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| MALFORMED_TOKEN)?;
        parse_object(&json)
    }

    /// Checks all fields except `kid`, and returns the type of the token. `cat` is ignored in an access token.
    /// Fails with the reason if the token must be refused.
    pub(crate) fn validate(&self) -> Result<TokenType, Rejection> {
        // If HS256 were accepted, an attacker could sign a token with the public key as the HMAC secret.
        require(self.alg.text().as_deref() == Some("RS256"), "wrong_algorithm")?;
        // RFC 7515, section 4.1.11, and RFC 7797: a token with an unsupported extension must be refused.
        require(self.crit.is_absent() && self.b64.is_absent(), "critical_header")?;
        let typ = self.typ.text();
        let is_access_token =
            |typ: &String| ACCESS_TOKEN_TYPES.iter().any(|access_type| typ.eq_ignore_ascii_case(access_type));
        if typ.as_ref().is_some_and(is_access_token) {
            return Ok(TokenType::Access);
        }
        require(self.typ.is_absent() || typ.as_deref() == Some("JWT"), "wrong_type")?;
        let cat = self.cat.text();
        let is_session_category = cat.is_some_and(|cat| SESSION_CATEGORIES.contains(&cat.as_str()));
        require(self.cat.is_absent() || is_session_category, "wrong_category").map(|()| TokenType::Session)
    }
}

/// Parses a JSON object, or fails with `malformed_token`. Checks the first character, because serde would also parse
/// a JSON array as a struct.
pub(crate) fn parse_object<T: DeserializeOwned>(json: &[u8]) -> Result<T, Rejection> {
    let is_object = json.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(json).ok()).flatten().ok_or(MALFORMED_TOKEN)
}
