use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// Where a key set is published: `https`, or `http` on a loopback host.
///
/// ```
/// use icp_clerk::KeySetUrl;
///
/// assert!("https://clerk.example.com/.well-known/jwks.json".parse::<KeySetUrl>().is_ok());
/// assert!("http://127.0.0.1:4000/jwks".parse::<KeySetUrl>().is_ok());
/// assert!("http://clerk.example.com/.well-known/jwks.json".parse::<KeySetUrl>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetUrl(Url);

impl KeySetUrl {
    pub(super) fn as_url(&self) -> &Url {
        &self.0
    }

    pub(super) fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }
}

impl FromStr for KeySetUrl {
    type Err = InvalidKeySetUrl;

    fn from_str(text: &str) -> Result<Self, InvalidKeySetUrl> {
        let url = Url::parse(text).map_err(|_| InvalidKeySetUrl::NotUrl)?;
        // Nobody on the way may put a key of their own into the set.
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(InvalidKeySetUrl::NotSecure),
        }
        if url.username().is_empty() && url.password().is_none() {
            Ok(Self(url))
        } else {
            Err(InvalidKeySetUrl::HasPassword)
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl fmt::Display for KeySetUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The text is not a URL that keys can be trusted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySetUrl {
    /// It is no URL.
    #[error("not a URL")]
    NotUrl,
    /// Keys would come over an open line.
    #[error("a key set is fetched by https; http will do for a loopback host only")]
    NotSecure,
    /// It holds a user name or a password, which would end in logs.
    #[error("the URL of a key set has no user name and no password")]
    HasPassword,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_or_loopback() {
        for url in [
            "https://clerk.example.com/.well-known/jwks.json",
            "https://10.0.0.1:8443/keys?x=1",
            "http://localhost:3000/jwks",
            "http://127.0.0.1/jwks",
            "http://127.9.9.9:1/jwks",
            "http://[::1]:80/jwks",
        ] {
            assert_eq!(url.parse::<KeySetUrl>().err(), None, "{url}");
        }
    }

    #[test]
    fn all_else_is_refused() {
        for (url, error) in [
            ("", InvalidKeySetUrl::NotUrl),
            ("/.well-known/jwks.json", InvalidKeySetUrl::NotUrl),
            ("clerk.example.com/jwks", InvalidKeySetUrl::NotUrl),
            ("https://", InvalidKeySetUrl::NotUrl),
            ("http://clerk.example.com/jwks", InvalidKeySetUrl::NotSecure),
            ("http://localhost.example.com/jwks", InvalidKeySetUrl::NotSecure),
            ("http://127.0.0.1.example.com/jwks", InvalidKeySetUrl::NotSecure),
            ("http://0.0.0.0/jwks", InvalidKeySetUrl::NotSecure),
            ("http://[::]/jwks", InvalidKeySetUrl::NotSecure),
            ("ftp://127.0.0.1/jwks", InvalidKeySetUrl::NotSecure),
            ("file:///etc/keys", InvalidKeySetUrl::NotSecure),
            ("https://user@clerk.example.com/jwks", InvalidKeySetUrl::HasPassword),
            ("https://:pass@clerk.example.com/jwks", InvalidKeySetUrl::HasPassword),
        ] {
            assert_eq!(url.parse::<KeySetUrl>().err(), Some(error), "{url}");
        }
    }
}
