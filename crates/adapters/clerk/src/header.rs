//! The header of a token (docs/reference/clerk-tokens.md, 2.2 to 2.4 and 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::rejection::{MALFORMED_TOKEN, Rejection, require};

/// Clerk's categories of session tokens, one of which means that the category was omitted.
const SESSION: [&str; 2] = ["cl_B7d4PD111AAA", "cl_I7d4PD111III"];
/// The types of OAuth access tokens (RFC 9068, section 2.1), in any case.
const ACCESS: [&str; 2] = ["at+jwt", "application/at+jwt"];

/// A header field or claim of any type. The rule that reads it requires a type. `null` is not absent.
#[derive(Default)]
pub(crate) struct Field(Option<Box<RawValue>>);

impl Field {
    pub(crate) fn json(&self) -> Option<&str> {
        self.0.as_deref().map(RawValue::get)
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the value, or `None` if the field is absent or of another type.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.json()?).ok()
    }

    /// Returns the value if it is a string.
    pub(crate) fn text(&self) -> Option<String> {
        self.read()
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}

/// The header fields that are checked. Fields that contain a key (`jku`, `jwk`, `x5u`, `x5c`) are ignored.
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

impl Header {
    /// Reads the header.
    pub(crate) fn of(token: &[u8]) -> Result<Self, Rejection> {
        let encoded = token.split(|byte| *byte == b'.').next().unwrap_or_default();
        let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| MALFORMED_TOKEN)?;
        object(&json)
    }

    /// Checks the header, and returns true if it is that of an OAuth access token.
    pub(crate) fn is_of_access_token(&self) -> Result<bool, Rejection> {
        // If the token chose the algorithm, it could be forged with the public key as an HMAC secret.
        require(self.alg.text().as_deref() == Some("RS256"), "wrong_algorithm")?;
        // RFC 7515, section 4.1.11, and RFC 7797: a token with an unsupported extension must be refused.
        require(self.crit.is_absent() && self.b64.is_absent(), "critical_header")?;
        let typ = self.typ.text();
        let is_access = |typ: &String| ACCESS.iter().any(|access| typ.eq_ignore_ascii_case(access));
        if typ.as_ref().is_some_and(is_access) {
            return Ok(true);
        }
        require(self.typ.is_absent() || typ.as_deref() == Some("JWT"), "wrong_type")?;
        let cat = self.cat.text();
        let is_session = cat.is_some_and(|cat| SESSION.contains(&cat.as_str()));
        require(self.cat.is_absent() || is_session, "wrong_category").map(|()| false)
    }
}

/// Parses an object. serde alone would also accept an array for a struct.
pub(crate) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, Rejection> {
    let is_object = json.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(json).ok()).flatten().ok_or(MALFORMED_TOKEN)
}
