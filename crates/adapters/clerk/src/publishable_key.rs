use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE};
use sha1::{Digest as _, Sha1};

use crate::keys::KeySetUrl;

/// Clerk pads; hand-copied keys sometimes have lost the `=` at their end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An instance's publishable key. It holds the host of the instance's frontend API, and so settles issuer and
/// key set.
///
/// ```
/// use icp_clerk::PublishableKey;
///
/// let key: PublishableKey = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k".parse()?;
/// assert_eq!(key.issuer(), "https://clerk.example.com");
/// # Ok::<(), icp_clerk::InvalidPublishableKey>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishableKey {
    host: String,
    cookie_suffix: String,
    key_set_url: KeySetUrl,
}

impl PublishableKey {
    /// The issuer of the instance's tokens.
    pub fn issuer(&self) -> String {
        format!("https://{}", self.host)
    }

    /// Where the instance publishes its keys.
    pub fn key_set_url(&self) -> KeySetUrl {
        self.key_set_url.clone()
    }

    /// What tells the instance's cookies from those of others, the underscore before it left out.
    pub fn cookie_suffix(&self) -> &str {
        &self.cookie_suffix
    }

    /// The host of the instance's frontend API.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl FromStr for PublishableKey {
    type Err = InvalidPublishableKey;

    fn from_str(text: &str) -> Result<Self, InvalidPublishableKey> {
        let encoded = text.strip_prefix("pk_live_").or_else(|| text.strip_prefix("pk_test_"));
        let decoded = BASE64.decode(encoded.ok_or(InvalidPublishableKey::Prefix)?);
        let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded = decoded.ok_or(InvalidPublishableKey::Encoding)?;
        let host = decoded.strip_suffix('$').ok_or(InvalidPublishableKey::Encoding)?;
        if !is_host_name(host) {
            return Err(InvalidPublishableKey::Host);
        }
        let key_set_url = format!("https://{host}/.well-known/jwks.json").parse();
        let key_set_url = key_set_url.map_err(|_| InvalidPublishableKey::Host)?;
        Ok(Self { host: host.to_owned(), cookie_suffix: suffix(text), key_set_url })
    }
}

/// As Clerk's script makes it, which has no need of a better digest here.
fn suffix(key: &str) -> String {
    let mut suffix = URL_SAFE.encode(Sha1::digest(key));
    suffix.truncate(8);
    suffix
}

/// A host name of at least two labels (RFC 1123, section 2.1), and no address: whatever else were in it would
/// become part of the issuer and of the URL that keys are trusted from.
fn is_host_name(host: &str) -> bool {
    let labels = || host.split('.');
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last_is_no_number =
        labels().next_back().is_some_and(|label| label.bytes().any(|byte| byte.is_ascii_alphabetic()));
    host.len() <= 253 && labels().count() >= 2 && labels().all(is_label) && last_is_no_number
}

/// The text is not a publishable key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPublishableKey {
    /// It begins otherwise.
    #[error("a publishable key begins with pk_live_ or pk_test_")]
    Prefix,
    /// It does not hold what it should.
    #[error("the publishable key is damaged: after its prefix comes base64 of a host name and '$'")]
    Encoding,
    /// What it holds is not a host name.
    #[error("the publishable key does not hold a host name")]
    Host,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(decoded: &str) -> Result<PublishableKey, InvalidPublishableKey> {
        format!("pk_test_{}", BASE64.encode(decoded)).parse()
    }

    #[test]
    fn it_settles_issuer_and_key_set() {
        let key = parse("happy-hippo-1.clerk.accounts.dev$").unwrap();
        assert_eq!(key.issuer(), "https://happy-hippo-1.clerk.accounts.dev");
        let url = "https://happy-hippo-1.clerk.accounts.dev/.well-known/jwks.json";
        assert_eq!(key.key_set_url().to_string(), url);
    }

    #[test]
    fn padding_may_be_there_or_not() {
        let padded: PublishableKey = "pk_live_Y2xlcmsuYS5pbyQ=".parse().unwrap();
        let bare: PublishableKey = "pk_live_Y2xlcmsuYS5pbyQ".parse().unwrap();
        assert_eq!(padded.issuer(), bare.issuer());
    }

    #[test]
    fn the_suffix_is_of_the_whole_key() {
        // echo -n pk_test_Y2xlcmsuZXhhbXBsZS5jb20k | openssl dgst -sha1 -binary | basenc --base64url
        let key: PublishableKey = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k".parse().unwrap();
        assert_eq!(key.cookie_suffix(), "l2OS3d9k");
    }

    #[test]
    fn other_keys_are_refused() {
        for text in ["", "sk_test_Y2xlcmsuYS5pbyQ", "pk_Y2xlcmsuYS5pbyQ", " pk_test_Y2xlcmsuYS5pbyQ"] {
            assert_eq!(text.parse::<PublishableKey>(), Err(InvalidPublishableKey::Prefix), "{text}");
        }
        for text in ["pk_test_", "pk_test_!!!!", "pk_test_Y2xlcmsuYS5pbyQ\n", "pk_live_Y2xlcmsuYS5pbw"] {
            assert_eq!(text.parse::<PublishableKey>(), Err(InvalidPublishableKey::Encoding), "{text}");
        }
    }

    #[test]
    fn only_a_host_name_will_do() {
        for host in [
            "",
            "localhost",
            "a..b",
            ".a.b",
            "a.b.",
            "a.b$",
            "a.b/c",
            "a.b:443",
            "u@a.b",
            "-a.b",
            "a-.b",
            "a_b.c",
            "127.0.0.1",
            "a.b?x",
            "a.b#x",
            "ä.de",
            "a b.c",
            "a.b\n",
        ] {
            assert_eq!(parse(&format!("{host}$")), Err(InvalidPublishableKey::Host), "{host}");
        }
        assert!(parse(&format!("{}.de$", "a".repeat(63))).is_ok());
        assert!(parse(&format!("{}.de$", "a".repeat(64))).is_err());
        assert!(parse(&format!("{}de$", "a.".repeat(130))).is_err());
    }
}
