//! The URL of a key set.

use std::str::FromStr;

use url::{Host, Url};

use crate::error::InvalidSetting;

const INVALID: InvalidSetting = InvalidSetting(
    "must be the https URL of a key set, with no user name or password; http is accepted only for a loopback host",
);

/// The URL of a key set, with no user name or password.
///
/// The scheme is `https`. `http` is accepted only for a loopback host, because an attacker on the network could add a
/// key to an unencrypted response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetUrl(pub(crate) Url);

impl FromStr for KeySetUrl {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        let url = Url::parse(text).map_err(|_| INVALID)?;
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let is_secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        if is_secure && !has_credentials { Ok(Self(url)) } else { Err(INVALID) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insecure_url_and_url_with_credentials_are_refused() {
        for url in [
            "https://clerk.example.com/.well-known/jwks.json",
            "https://10.0.0.1:8443/keys?x=1",
            "http://localhost:3000/jwks",
            "http://127.0.0.1/jwks",
            "http://127.9.9.9:1/jwks",
            "http://[::1]:80/jwks",
        ] {
            assert!(url.parse::<KeySetUrl>().is_ok(), "{url}");
        }
        for url in [
            "",
            "/.well-known/jwks.json",
            "clerk.example.com/jwks",
            "https://",
            "http://clerk.example.com/jwks",
            "http://localhost.example.com/jwks",
            "http://127.0.0.1.example.com/jwks",
            "http://0.0.0.0/jwks",
            "http://[::]/jwks",
            "ftp://127.0.0.1/jwks",
            "file:///etc/keys",
            "https://user@clerk.example.com/jwks",
            "https://:pass@clerk.example.com/jwks",
        ] {
            assert_eq!(url.parse::<KeySetUrl>(), Err(INVALID), "{url}");
        }
    }
}
