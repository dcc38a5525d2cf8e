use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKey;
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents,
};

/// RFC 7518, section 3.3, asks for at least 2048 bits; the cryptographic library takes no more than 8192.
const BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

/// A public key whose numbers have been checked, for RSASSA-PKCS1-v1_5 with SHA-256.
///
/// It is parsed once, since that would add a fifth to what each signature takes. The bytes it was parsed from
/// are PKCS#1, which is the canonical form to compare keys by.
#[derive(Clone)]
pub(crate) struct RsaKey(ParsedPublicKey);

/// Why something is not a usable key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnusableKey {
    NotRsa,
    Size(u32),
}

impl RsaKey {
    /// From PKCS#1 or SPKI.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, UnusableKey> {
        let key = PublicKey::from_der(der).map_err(|_| UnusableKey::NotRsa)?;
        let pkcs1 = key.as_ref();
        let bits = RsaParameters::public_modulus_len(pkcs1).map_err(|_| UnusableKey::NotRsa)?;
        if !BITS.contains(&bits) {
            return Err(UnusableKey::Size(bits));
        }
        // The algorithm is ours to say, never the token's (RFC 8725, section 3.1).
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pkcs1);
        parsed.map(Self).map_err(|_| UnusableKey::NotRsa)
    }

    /// From modulus and exponent, big-endian.
    pub(crate) fn from_components(n: &[u8], e: &[u8]) -> Result<Self, UnusableKey> {
        // RFC 7518, section 2, knows no leading zeros; issuers that write a sign byte are known all the same.
        let components = RsaPublicKeyComponents { n: without_zeros(n), e: without_zeros(e) };
        let der: PublicKeyX509Der<'_> = components.as_der().map_err(|_| UnusableKey::NotRsa)?;
        Self::from_der(der.as_ref())
    }

    /// Whether `signature` is this key's over `signed`.
    pub(crate) fn verifies(&self, signed: &str, signature: &[u8]) -> bool {
        self.0.verify_sig(signed.as_bytes(), signature).is_ok()
    }
}

/// The same key, whatever name it goes by.
impl PartialEq for RsaKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref() == other.0.as_ref()
    }
}

impl Eq for RsaKey {}

impl fmt::Debug for RsaKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RsaKey").finish_non_exhaustive()
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
