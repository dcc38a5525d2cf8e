//! Finds the token in a request (docs/reference/clerk-tokens.md, section 1).

use std::borrow::Cow;

use icp_ports::Credentials;
use percent_encoding::percent_decode;

use crate::rejection::Rejection;
use crate::settings::{ClerkSettings, SessionCookie};

const MALFORMED: Rejection = Rejection::of("malformed_authorization");
const NO_CREDENTIALS: Rejection = Rejection::of("no_credentials");

/// The token of a request, from the `Authorization` header or from a cookie.
pub(crate) struct RequestToken<'a> {
    pub(crate) token: Cow<'a, [u8]>,
    /// The time of the last sign-in or sign-out in the browser, in seconds since 1970. `None` for a token from the
    /// `Authorization` header. A token that was issued before this time belongs to an earlier session.
    pub(crate) client_uat: Option<i64>,
}

/// Returns the token that the request must be authenticated with.
pub(crate) fn find_token<'a>(
    credentials: &'a dyn Credentials,
    settings: &ClerkSettings,
) -> Result<RequestToken<'a>, Rejection> {
    // A bearer token takes precedence over a cookie, even if the bearer token is refused.
    match parse_authorization(&credentials.header("authorization"))? {
        Some(token) => Ok(RequestToken { token: token.into(), client_uat: None }),
        None => session_cookie(credentials, settings),
    }
}

/// Returns the bearer token, or `None` if there is no header, an empty header, or another scheme. The scheme may be in
/// upper or lower case (RFC 9110, section 11.1). One space and the token follow. Refuses several headers, bytes that
/// are not printable, and a header without a space after the scheme.
fn parse_authorization<'a>(lines: &[&'a [u8]]) -> Result<Option<&'a [u8]>, Rejection> {
    let line = match lines {
        [] | [b""] => return Ok(None),
        [line] if is_printable(line) => *line,
        // Several headers, or bytes that are not printable. Of two headers, a proxy could check the first one while
        // this service uses the second one.
        _ => return Err(MALFORMED),
    };
    match split_at(line, b' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer") => {
            let is_single_word = !token.is_empty() && !token.contains(&b' ');
            if is_single_word { Ok(Some(token)) } else { Err(MALFORMED) }
        }
        Some((scheme, _)) if !scheme.is_empty() => Ok(None),
        _ => Err(MALFORMED),
    }
}

/// Returns true if all bytes are printable ASCII. The function runs for every request. It does not return early, so
/// that the compiler can use vector instructions.
fn is_printable(line: &[u8]) -> bool {
    line.iter().fold(true, |all, byte| all & (b' '..=b'~').contains(byte))
}

/// Returns the token in the session cookie. Fails with `no_credentials` if cookies are ignored, or if the session
/// cookie is absent or empty. Refuses the cookies if `__client_uat` is missing or not a positive integer, or if the
/// request changes state and does not come from a page of an authorized party.
fn session_cookie<'a>(
    credentials: &'a dyn Credentials,
    settings: &ClerkSettings,
) -> Result<RequestToken<'a>, Rejection> {
    let suffix = match &settings.session_cookie {
        SessionCookie::Ignored => return Err(NO_CREDENTIALS),
        SessionCookie::Plain => None,
        SessionCookie::OfInstance(key) => Some(format!("_{}", key.cookie_suffix)),
    };
    let lines = credentials.header("cookie");
    let cookie = |name: &str, suffix: &str| first_cookie(&lines, format!("{name}{suffix}").as_bytes());
    let cookie_pair = |suffix: &str| Some((cookie("__session", suffix)?, cookie("__client_uat", suffix)));
    let suffixed = suffix.as_deref().and_then(cookie_pair);
    let cookies = suffixed.or_else(|| cookie_pair("")).filter(|(token, _)| !token.is_empty());
    let (token, client_uat) = cookies.ok_or(NO_CREDENTIALS)?;
    let client_uat =
        client_uat.and_then(|text| parse_positive_integer(&text)).ok_or(Rejection::of("client_uat"))?;
    // A browser sends cookies with the requests of any web page. Only `Origin` shows which page sent the request.
    let is_authorized =
        |origin: &[u8]| settings.authorized_parties.iter().any(|party| party.as_bytes() == origin);
    let is_authorized_page =
        matches!(credentials.header("origin").as_slice(), [origin] if is_authorized(origin));
    if credentials.changes_state() && !is_authorized_page {
        return Err(Rejection::of("cookie_origin"));
    }
    Ok(RequestToken { token, client_uat: Some(client_uat) })
}

/// Returns the percent-decoded value of the first cookie `name`. A cookie with an empty value counts as present. A
/// sign-out leaves the suffixed cookie empty. If it then counted as absent, the service would use the cookie without a
/// suffix instead, which a sibling domain may have set.
fn first_cookie<'a>(lines: &[&'a [u8]], name: &[u8]) -> Option<Cow<'a, [u8]>> {
    let mut pairs = lines.iter().flat_map(|line| line.split(|byte| *byte == b';'));
    let value = pairs.find_map(|pair| {
        let (cookie_name, value) = split_at(pair, b'=')?;
        (cookie_name.trim_ascii() == name).then(|| value.trim_ascii())
    });
    value.map(|value| percent_decode(value).into())
}

/// Splits `bytes` at the first separator.
fn split_at(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let index = bytes.iter().position(|byte| *byte == separator)?;
    Some((bytes.get(..index)?, bytes.get(index + 1..)?))
}

fn parse_positive_integer(text: &[u8]) -> Option<i64> {
    let number =
        if text.iter().all(u8::is_ascii_digit) { std::str::from_utf8(text).ok()?.parse().ok()? } else { 0 };
    (number > 0).then_some(number)
}
