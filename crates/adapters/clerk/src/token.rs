//! A token's structure: what can be said of it without a key (docs/contract/clerk-tokens.md, 2.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use icp_domain::json::{Json, Kind};

use crate::reason::Reason;
use crate::sound::is_sound;

/// Clerk's tokens live in a cookie and so stay below 4 KB; this leaves room and still bounds the work.
pub(crate) const MAX_BYTES: usize = 16 * 1024;

/// The three parts of a token (RFC 7515, 7.1), decoded but not yet read.
pub(crate) struct Parts<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    header: String,
    payload: String,
}

impl<'a> Parts<'a> {
    pub(crate) fn decode(token: &'a [u8]) -> Result<Self, Reason> {
        if token.len() > MAX_BYTES {
            return Err(Reason::MalformedToken);
        }
        let token = std::str::from_utf8(token).map_err(|_| Reason::MalformedToken)?;
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::MalformedToken)?;
        let (header, payload) = signed.split_once('.').ok_or(Reason::MalformedToken)?;
        // A third dot is caught here: it is in no base64 alphabet.
        Ok(Self { signed, header: text(header)?, payload: text(payload)?, signature: bytes(signature)? })
    }

    pub(crate) fn read(&self) -> Result<Token<'_>, Reason> {
        Ok(Token {
            signed: self.signed,
            signature: &self.signature,
            header: object(&self.header)?,
            payload: object(&self.payload)?,
        })
    }
}

/// A token whose header and payload are sound JSON objects. Nothing is proved yet.
pub(crate) struct Token<'a> {
    /// What the signature is over: header, dot and payload as they came.
    pub(crate) signed: &'a str,
    pub(crate) signature: &'a [u8],
    pub(crate) header: Json<'a>,
    pub(crate) payload: Json<'a>,
}

/// Strict base64url: no padding, no stray bits in the last character. So no token has a second spelling.
fn bytes(part: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::MalformedToken)
}

fn text(part: &str) -> Result<String, Reason> {
    String::from_utf8(bytes(part)?).map_err(|_| Reason::MalformedToken)
}

fn object(text: &str) -> Result<Json<'_>, Reason> {
    // A byte order mark is no blank of JSON's (RFC 8259, section 8.1), so it ends the parsing.
    let json = Json::parse(text).map_err(|_| Reason::MalformedToken)?;
    if json.kind() == Kind::Object && is_sound(json) { Ok(json) } else { Err(Reason::MalformedToken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(text: &str) -> bool {
        object(text).is_ok()
    }

    #[test]
    fn an_object_is_a_whole_object() {
        assert!(sound("{}") && sound(" \n{ \"a\" : 1 }\t"));
        for text in
            ["", "[]", "null", "1", "\"{}\"", "{", "{}{}", "{} x", "{'a':1}", "{\"a\":01}", "\u{feff}{}"]
        {
            assert!(!sound(text), "{text}");
        }
    }
}
