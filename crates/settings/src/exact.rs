//! Rules for values that are compared byte for byte with values from tokens or browsers. Without the rules, a misspelt
//! value would match nothing, and no message would name it.

use url::Url;

use super::secrets::without_secrets;

/// A rule for a value that is compared byte for byte.
#[derive(Debug)]
pub(super) struct ExactRule {
    /// A description of valid values, for error messages.
    pub(super) expected: &'static str,
    pub(super) accepts: fn(&str) -> bool,
}

impl ExactRule {
    /// Returns the reason why a value is invalid, or `None` if it is valid.
    pub(super) fn invalid_reason(&self, value: &str) -> Option<String> {
        let matches_nothing = !(self.accepts)(value);
        matches_nothing.then(|| {
            let value = without_secrets(value).unwrap_or_else(|| value.to_owned());
            format!("{value:?} can match nothing: it must be {}", self.expected)
        })
    }
}

pub(super) const ORIGIN: ExactRule = ExactRule {
    expected: "an origin as browsers write it, such as https://app.example.com, without a trailing slash or a wildcard",
    accepts: is_origin,
};
pub(super) const PARTY: ExactRule = ExactRule { accepts: is_party, ..ORIGIN };
pub(super) const ISSUER: ExactRule = ExactRule {
    expected: "a URL as tokens write it, such as https://clerk.example.com, without a trailing slash",
    accepts: is_issuer,
};
pub(super) const RESOURCE: ExactRule = ExactRule {
    expected: "the public URL of the endpoint, such as https://icp.example.com/mcp, without a trailing slash",
    accepts: |text| is_issuer(text) && text.ends_with("/mcp"),
};
pub(super) const PLAIN_TEXT: ExactRule = ExactRule {
    expected: "plain text without spaces, quotes, brackets or wildcards; lists are separated by commas",
    accepts: is_plain_text,
};

/// Returns true for the origin of a web page: the scheme, the host, and the port if it is not the default of the
/// scheme.
fn is_origin(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_web = ["http", "https"].contains(&url.scheme());
    is_web && url.origin().ascii_serialization() == text && !text.contains('*')
}

/// Returns true for the origin of a web page or of an application, such as `chrome-extension://abc`.
fn is_party(text: &str) -> bool {
    let is_app = |url: Url| {
        let is_bare =
            url.has_host() && url.path().is_empty() && url.query().is_none() && url.fragment().is_none();
        is_bare && url.username().is_empty() && url.as_str() == text
    };
    is_origin(text) || (Url::parse(text).is_ok_and(is_app) && is_plain_text(text))
}

/// Returns true for a web URL without query, fragment, credentials and trailing slash, in its canonical form.
fn is_issuer(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_web = ["http", "https"].contains(&url.scheme());
    let is_bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    // The parser adds a slash to a URL without a path.
    let is_canonical = !text.ends_with('/') && url.as_str().trim_end_matches('/') == text;
    is_web && is_bare && url.password().is_none() && is_canonical && is_plain_text(text)
}

/// Returns true for text that is not empty and contains no white space, control characters, quotes, brackets or
/// wildcards.
fn is_plain_text(text: &str) -> bool {
    let is_forbidden = |character: char| {
        character.is_whitespace() || character.is_control() || "\"'`*[]{}<>\\".contains(character)
    };
    !text.is_empty() && !text.contains(is_forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_can_match_are_accepted() {
        for (rule, values) in [
            (ORIGIN, &["https://app.example.com", "http://localhost:3000", "http://[::1]:3000"][..]),
            (
                PARTY,
                &[
                    "https://app.example.com",
                    "chrome-extension://abcdef",
                    "capacitor://localhost",
                    "app://x:1",
                ],
            ),
            (ISSUER, &["https://clerk.example.com", "http://127.0.0.1:4000", "https://x.example.com/a/b"]),
            (RESOURCE, &["https://icp.example.com/mcp", "https://x.example.com/icp/mcp"]),
            (PLAIN_TEXT, &["icp", "user_2abc", "https://api.example.com/", "profile:read"]),
        ] {
            for value in values {
                assert!((rule.accepts)(value), "{value}");
            }
        }
    }

    #[test]
    fn values_that_match_nothing_are_refused() {
        let invalid_variants = |valid: &str| {
            let suffixed = ["\n", "/", " ", "\r\n", "\t", "#x", "?x", "*", "\u{a0}"]
                .map(|suffix| format!("{valid}{suffix}"));
            let quoted =
                [format!("\"{valid}\""), format!("'{valid}'"), format!("[\"{valid}\"]"), format!(" {valid}")];
            suffixed.into_iter().chain(quoted).chain([String::new(), "*".to_owned(), "null".to_owned()])
        };
        for (rule, valid) in [
            (ORIGIN, "https://app.example.com"),
            (PARTY, "https://app.example.com"),
            (PARTY, "chrome-extension://abcdef"),
            (ISSUER, "https://clerk.example.com"),
            (ISSUER, "https://clerk.example.com/a"),
            (RESOURCE, "https://icp.example.com/mcp"),
        ] {
            for value in invalid_variants(valid) {
                assert!(!(rule.accepts)(&value), "{value:?}");
            }
        }
        for value in invalid_variants("icp")
            .filter(|value| !["icp/", "icp#x", "icp?x", "null"].contains(&value.as_str()))
        {
            assert!(!(PLAIN_TEXT.accepts)(&value), "{value:?}");
        }
        for origin in
            ["https://*.example.com", "https://APP.example.com", "https://a.example.com:443", "a.example.com"]
        {
            assert!(!(ORIGIN.accepts)(origin) && !(PARTY.accepts)(origin), "{origin}");
        }
        for issuer in [
            "https://CLERK.example.com",
            "clerk.example.com",
            "https://u@x.example.com",
            "ftp://x.example.com",
        ] {
            assert!(!(ISSUER.accepts)(issuer), "{issuer}");
        }
        assert!(!(RESOURCE.accepts)("https://icp.example.com"));
    }
}
