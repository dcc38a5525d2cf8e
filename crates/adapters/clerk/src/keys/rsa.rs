use std::str::FromStr;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKey as RsaPublicKey;
use aws_lc_rs::signature::{RsaParameters, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::RSAKeyParameters;

use crate::error::InvalidSetting;

const NOT_PEM: InvalidSetting =
    InvalidSetting("not one PEM block that begins with -----BEGIN PUBLIC KEY-----");
const PRIVATE_KEY: InvalidSetting =
    InvalidSetting("a private key: set the public key instead, and replace this key pair");
const WRONG_LABEL: InvalidSetting = InvalidSetting("a PEM block that is not a PUBLIC KEY or RSA PUBLIC KEY");
const NOT_RSA: InvalidSetting = InvalidSetting("not an RSA public key");
const WRONG_SIZE: InvalidSetting = InvalidSetting("an RSA key must have from 2048 to 8192 bits");

/// An RSA public key that verifies tokens.
///
/// `FromStr` parses PEM: SPKI (`BEGIN PUBLIC KEY`) or PKCS#1 (`BEGIN RSA PUBLIC KEY`). The two characters `\n` (or
/// `\r`) are read as a line break, because on many platforms an environment variable can have only one line.
#[derive(Clone, Debug)]
pub struct PublicKey(pub(crate) DecodingKey);

impl PublicKey {
    /// Reads PKCS#1 or SPKI. `DecodingKey` alone would also accept private keys and certificates.
    fn from_der(der: &[u8]) -> Result<Self, InvalidSetting> {
        let key = RsaPublicKey::from_der(der).map_err(|_| NOT_RSA)?;
        let pkcs1 = key.as_ref();
        let bits = RsaParameters::public_modulus_len(pkcs1).map_err(|_| NOT_RSA)?;
        // RFC 7518, section 3.3, requires at least 2048 bits. The cryptographic library supports at most 8192 bits.
        if (2048..=8192).contains(&bits) {
            Ok(Self(DecodingKey::from_rsa_der(pkcs1)))
        } else {
            Err(WRONG_SIZE)
        }
    }

    /// Reads the modulus and the exponent of an entry of a key set.
    pub(super) fn from_parameters(RSAKeyParameters { n, e, .. }: &RSAKeyParameters) -> Option<Self> {
        let decode_integer = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            // Some issuers write a leading zero, which RFC 7518, section 2, does not allow.
            Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>())
        };
        let der: PublicKeyX509Der<'_> =
            RsaPublicKeyComponents { n: decode_integer(n)?, e: decode_integer(e)? }.as_der().ok()?;
        Self::from_der(der.as_ref()).ok()
    }
}

/// Compares the PKCS#1 encodings of the keys. Equal keys have the same PKCS#1 encoding.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.try_get_as_bytes().ok() == other.0.try_get_as_bytes().ok()
    }
}

impl FromStr for PublicKey {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        let text = text.replace("\\r", "\r").replace("\\n", "\n");
        let (label, body) = parse_pem_block(text.trim()).ok_or(NOT_PEM)?;
        match label {
            "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
            _ if label.ends_with("PRIVATE KEY") => return Err(PRIVATE_KEY),
            _ => return Err(WRONG_LABEL),
        }
        let body: String = body.split_ascii_whitespace().collect();
        Self::from_der(&STANDARD.decode(body).map_err(|_| NOT_PEM)?)
    }
}

/// Returns the label and the body of a PEM block (RFC 7468, section 3), or `None` if the text is not exactly one block.
fn parse_pem_block(text: &str) -> Option<(&str, &str)> {
    let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let (body, end) = rest.split_once("-----END ")?;
    (end.strip_suffix("-----")? == label).then_some((label, body))
}
