//! Finds the token in a request (docs/reference/clerk-tokens.md, section 1).

use std::borrow::Cow;

use icp_ports::Credentials;
use percent_encoding::percent_decode;

use crate::rejection::Rejection;
use crate::settings::{ClerkSettings, SessionCookie};

const MALFORMED: Rejection = Rejection::of("malformed_authorization");
const NO_CREDENTIALS: Rejection = Rejection::of("no_credentials");

/// The token of a request.
pub(crate) struct Found<'a> {
    pub(crate) token: Cow<'a, [u8]>,
    /// For a token from a cookie: the time of the last sign-in or sign-out in the browser, in seconds. An older token belongs
    /// to another session.
    pub(crate) client_uat: Option<i64>,
}

/// Returns the token that is verified.
pub(crate) fn find<'a>(
    credentials: &'a dyn Credentials,
    settings: &ClerkSettings,
) -> Result<Found<'a>, Rejection> {
    // A bearer token takes precedence: if it is refused, a cookie does not sign the user in.
    match bearer(&credentials.header("authorization"))? {
        Some(token) => Ok(Found { token: token.into(), client_uat: None }),
        None => session_cookie(credentials, settings),
    }
}

/// Returns the bearer token: the scheme in any case (RFC 9110, section 11.1), one space, the token.
fn bearer<'a>(lines: &[&'a [u8]]) -> Result<Option<&'a [u8]>, Rejection> {
    let line = match lines {
        [] | [b""] => return Ok(None),
        [line] if is_printable(line) => *line,
        // Another program could use the other line.
        _ => return Err(MALFORMED),
    };
    match split_at(line, b' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer") => {
            let is_one_word = !token.is_empty() && !token.contains(&b' ');
            if is_one_word { Ok(Some(token)) } else { Err(MALFORMED) }
        }
        Some((scheme, _)) if !scheme.is_empty() => Ok(None),
        _ => Err(MALFORMED),
    }
}

/// Returns true if all bytes are printable ASCII. It has no early exit, so that the compiler uses vector instructions: the
/// token of every request is checked.
fn is_printable(line: &[u8]) -> bool {
    line.iter().fold(true, |all, byte| all & (b' '..=b'~').contains(byte))
}

fn session_cookie<'a>(
    credentials: &'a dyn Credentials,
    settings: &ClerkSettings,
) -> Result<Found<'a>, Rejection> {
    let suffix = match &settings.session_cookie {
        SessionCookie::Ignored => return Err(NO_CREDENTIALS),
        SessionCookie::Plain => None,
        SessionCookie::OfInstance(key) => Some(format!("_{}", key.cookie_suffix)),
    };
    let lines = credentials.header("cookie");
    let cookie = |name: &str, suffix: &str| first_cookie(&lines, format!("{name}{suffix}").as_bytes());
    let pair = |suffix: &str| Some((cookie("__session", suffix)?, cookie("__client_uat", suffix)));
    let suffixed = suffix.as_deref().and_then(pair);
    let (token, client_uat) = suffixed.or_else(|| pair("")).ok_or(NO_CREDENTIALS)?;
    let client_uat =
        client_uat.and_then(|text| positive_integer(&text)).ok_or(Rejection::of("client_uat"))?;
    // A browser adds cookies to requests of any page. Only `Origin` names the page.
    let is_authorized =
        |origin: &[u8]| settings.authorized_parties.iter().any(|party| party.as_bytes() == origin);
    let is_own_page = matches!(credentials.header("origin").as_slice(), [origin] if is_authorized(origin));
    if credentials.changes_state() && !is_own_page {
        return Err(Rejection::of("cookie_origin"));
    }
    Ok(Found { token, client_uat: Some(client_uat) })
}

/// Returns the value of the first cookie with that name, percent-decoded if possible. An empty value is treated as absent.
fn first_cookie<'a>(lines: &[&'a [u8]], name: &[u8]) -> Option<Cow<'a, [u8]>> {
    let mut pairs = lines.iter().flat_map(|line| line.split(|byte| *byte == b';'));
    let value = pairs.find_map(|pair| {
        let (found, value) = split_at(pair, b'=')?;
        (found.trim_ascii() == name).then(|| value.trim_ascii())
    });
    value.filter(|value| !value.is_empty()).map(|value| percent_decode(value).into())
}

fn split_at(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == separator)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

fn positive_integer(text: &[u8]) -> Option<i64> {
    let number =
        if text.iter().all(u8::is_ascii_digit) { std::str::from_utf8(text).ok()?.parse().ok()? } else { 0 };
    (number > 0).then_some(number)
}
