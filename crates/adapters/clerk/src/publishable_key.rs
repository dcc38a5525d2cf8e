use std::str::FromStr;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use url::Host;

use crate::error::InvalidSetting;
use crate::keys::KeySetUrl;

const INVALID: InvalidSetting = InvalidSetting(
    "invalid publishable key: expected pk_live_ or pk_test_, followed by base64 of a host name and '$'",
);

/// The publishable key of a Clerk instance. It contains the host of the instance's frontend API, which determines the
/// issuer and the key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishableKey {
    issuer: String,
    key_set_url: KeySetUrl,
    /// The suffix in the names of the instance's cookies, without the underscore. Clerk computes it from the text of
    /// the key, so a key with other padding has another suffix.
    pub(crate) cookie_suffix: String,
}

impl PublishableKey {
    /// Returns the issuer of the instance's tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the URL of the instance's key set.
    pub fn key_set_url(&self) -> &KeySetUrl {
        &self.key_set_url
    }
}

impl FromStr for PublishableKey {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        let encoded =
            text.strip_prefix("pk_live_").or_else(|| text.strip_prefix("pk_test_")).ok_or(INVALID)?;
        // Users who copy a key by hand sometimes omit the padding.
        let decoded = STANDARD_NO_PAD
            .decode(encoded.trim_end_matches('='))
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let host = decoded.as_deref().and_then(|decoded| decoded.strip_suffix('$'));
        let issuer = format!("https://{}", host.filter(|host| is_host_name(host)).ok_or(INVALID)?);
        let key_set_url = format!("{issuer}/.well-known/jwks.json").parse()?;
        // Clerk's JavaScript computes the suffix in the same way. The security of the cookie does not depend on the
        // digest.
        let mut cookie_suffix = URL_SAFE.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()));
        cookie_suffix.truncate(8);
        Ok(Self { issuer, key_set_url, cookie_suffix })
    }
}

/// Returns true for a host name of at least two labels that is not an IP address. The check is strict, because the
/// host name determines the URL of the keys that we trust.
fn is_host_name(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(is_allowed) && !label.starts_with('-') && !label.ends_with('-')
    };
    matches!(Host::parse(host), Ok(Host::Domain(_))) && host.contains('.') && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_determines_issuer_key_set_and_cookie_suffix() {
        // The suffix was computed with:
        // echo -n pk_test_Y2xlcmsuZXhhbXBsZS5jb20k | openssl dgst -sha1 -binary | basenc --base64url
        let key: PublishableKey = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k".parse().unwrap();
        assert_eq!((key.issuer(), key.cookie_suffix.as_str()), ("https://clerk.example.com", "l2OS3d9k"));
        assert_eq!(key.key_set_url().0.as_str(), "https://clerk.example.com/.well-known/jwks.json");
        for padding in ["", "="] {
            let key: PublishableKey = format!("pk_live_Y2xlcmsuYS5pbyQ{padding}").parse().unwrap();
            assert_eq!(key.issuer(), "https://clerk.a.io");
        }
    }

    #[test]
    fn invalid_texts_are_refused() {
        let invalid_keys =
            "sk_test_Y2xlcmsuYS5pbyQ pk_Y2xlcmsuYS5pbyQ pk_test_ pk_test_!!!! pk_live_Y2xlcmsuYS5pbw ";
        for text in invalid_keys.split(' ').chain([" pk_test_Y2xlcmsuYS5pbyQ", "pk_test_Y2xlcmsuYS5pbyQ\n"]) {
            assert_eq!(text.parse::<PublishableKey>(), Err(INVALID), "{text}");
        }
        let hosts =
            "localhost a..b .a.b a.b. a.b$ a.b/c a.b:443 u@a.b -a.b a-.b a_b.c 127.0.0.1 a.b?x a.b#x ä.de ";
        for host in hosts.split(' ').chain(["a b.c", "a.b\n"]) {
            let text = format!("pk_test_{}", STANDARD_NO_PAD.encode(format!("{host}$")));
            assert_eq!(text.parse::<PublishableKey>(), Err(INVALID), "{host}");
        }
    }
}
