use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::rsa::{RsaKey, UnusableKey};

/// A public key as text: PKCS#8 (`BEGIN PUBLIC KEY`) or PKCS#1 (`BEGIN RSA PUBLIC KEY`). Its lines may be
/// parted by the two characters `\n`, since many platforms keep a variable on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemKey(RsaKey);

impl PemKey {
    pub(super) fn into_key(self) -> RsaKey {
        self.0
    }
}

impl FromStr for PemKey {
    type Err = InvalidPemKey;

    fn from_str(text: &str) -> Result<Self, InvalidPemKey> {
        let text = text.replace("\\r", "\r").replace("\\n", "\n");
        let (label, body) = block(text.trim()).ok_or(InvalidPemKey::NotPem)?;
        match label {
            "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
            _ if label.ends_with("PRIVATE KEY") => return Err(InvalidPemKey::Private),
            _ => return Err(InvalidPemKey::OtherLabel),
        }
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| InvalidPemKey::NotPem)?;
        RsaKey::from_der(&der).map(Self).map_err(|unusable| match unusable {
            UnusableKey::NotRsa => InvalidPemKey::NotRsa,
            UnusableKey::Size(bits) => InvalidPemKey::Size(bits),
        })
    }
}

/// Label and body of the one block that the text is (RFC 7468, section 3).
fn block(text: &str) -> Option<(&str, &str)> {
    let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let (body, end) = rest.split_once("-----END ")?;
    (end.strip_suffix("-----")? == label).then_some((label, body))
}

/// The text is not a public key that tokens can be checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPemKey {
    /// It is not PEM, or is damaged.
    #[error("not a PEM public key: it begins with -----BEGIN PUBLIC KEY----- and has one block")]
    NotPem,
    /// It is a private key, which belongs nowhere near a service that only checks.
    #[error("a private key: give the public one, and replace this one wherever it is in use")]
    Private,
    /// It is something else, such as a certificate.
    #[error("a PEM block, but not one that says PUBLIC KEY or RSA PUBLIC KEY")]
    OtherLabel,
    /// It is a key of another kind, or none.
    #[error("not an RSA public key")]
    NotRsa,
    /// It is too short to be safe, or longer than is of use.
    #[error("an RSA key of {0} bits: 2048 to 8192 are needed")]
    Size(u32),
}
