//! Clerk's session cookie (docs/contract/clerk-tokens.md, 1.3).
//!
//! Browsers hold two generations of it: the plain pair of `__session` and `__client_uat`, which all instances
//! on a domain share, and a pair whose names end in a suffix of the instance's own. Which pair counts is
//! decided as Clerk's `usesSuffixedCookies` decides it, in its order.

use icp_domain::json::Json;
use icp_ports::Credentials;

use super::Found;
use super::jar::Jar;
use crate::publishable_key::PublishableKey;
use crate::reason::Reason;
use crate::settings::SessionCookie;
use crate::token::Parts;

const SESSION: &str = "__session";
const CLIENT_UAT: &str = "__client_uat";

pub(super) fn find<'a>(
    credentials: &'a dyn Credentials,
    rule: &SessionCookie,
    authorized_parties: &[String],
) -> Result<Found<'a>, Reason> {
    let lines = credentials.header("cookie");
    let jar = Jar(&lines);
    let pair = match rule {
        SessionCookie::Ignored => return Err(Reason::NoCredentials),
        SessionCookie::Plain => Pair::plain(jar),
        SessionCookie::OfInstance(key) => Pair::of_instance(jar, key),
    };
    let token = pair.session.ok_or(Reason::NoCredentials)?;
    let client_uat = pair.client_uat.and_then(positive_integer).ok_or(Reason::ClientUat)?;
    if credentials.changes_state() && !is_authorized(&credentials.header("origin"), authorized_parties) {
        return Err(Reason::CookieOrigin);
    }
    Ok(Found { token, client_uat: Some(client_uat) })
}

/// A browser adds its cookies to whatever any page makes it send; only `Origin` says which page that was.
fn is_authorized(origin: &[&[u8]], authorized_parties: &[String]) -> bool {
    match origin {
        [origin] => authorized_parties.iter().any(|party| party.as_bytes() == *origin),
        _ => false,
    }
}

/// A session and when its user last signed in or out, 0 for out.
#[derive(Clone, Copy)]
struct Pair<'a> {
    session: Option<&'a [u8]>,
    client_uat: Option<&'a [u8]>,
}

impl<'a> Pair<'a> {
    fn plain(jar: Jar<'_, 'a>) -> Self {
        Self { session: jar.get(SESSION), client_uat: jar.get(CLIENT_UAT) }
    }

    fn suffixed(jar: Jar<'_, 'a>, suffix: &str) -> Self {
        Self {
            session: jar.get(&format!("{SESSION}_{suffix}")),
            client_uat: jar.get(&format!("{CLIENT_UAT}_{suffix}")),
        }
    }

    fn of_instance(jar: Jar<'_, 'a>, key: &PublishableKey) -> Self {
        let plain = Self::plain(jar);
        let suffixed = Self::suffixed(jar, key.cookie_suffix());
        if uses_suffixed(plain, suffixed, key.host()) { suffixed } else { plain }
    }

    fn is_signed_out(self) -> bool {
        self.client_uat == Some(b"0")
    }

    fn is_absent(self) -> bool {
        self.session.is_none() && self.client_uat.is_none()
    }
}

fn uses_suffixed(plain: Pair<'_>, suffixed: Pair<'_>, host: &str) -> bool {
    let plain_session = plain.session.map(Peek::at);
    match plain_session.as_ref().map(|session| session.issuer.as_deref()) {
        // Of no instance at all.
        Some(None) => return false,
        // Of another instance on the same domain.
        Some(Some(issuer)) if without_scheme(issuer) != host => return true,
        _ => {}
    }
    if suffixed.is_absent() {
        return false;
    }
    let issued = |session: Option<Peek>| session.map_or(0.0, |session| session.issued);
    let plain_is_newer = issued(plain_session) > issued(suffixed.session.map(Peek::at));
    if plain_is_newer && !plain.is_signed_out() && !suffixed.is_signed_out() {
        return false;
    }
    // The plain pair is written by old and new versions of Clerk's script alike, so that it is the newer one.
    if suffixed.is_signed_out() && !plain.is_signed_out() {
        return false;
    }
    // An instance that does not write suffixed cookies any more.
    !(suffixed.session.is_some() && suffixed.client_uat.is_none())
}

/// What a session says of itself before anything is proved. It decides which cookie to look at, and no more.
#[derive(Default)]
struct Peek {
    issuer: Option<String>,
    issued: f64,
}

impl Peek {
    /// Nothing is seen in what cannot be decoded.
    fn at(session: &[u8]) -> Self {
        let Ok(parts) = Parts::decode(session) else { return Self::default() };
        parts.read().map(|token| Self::of(token.payload)).unwrap_or_default()
    }

    fn of(claims: Json<'_>) -> Self {
        let mut peek = Self::default();
        for claim in claims.members() {
            match claim.name.as_ref() {
                "iss" => peek.issuer = claim.value.string().filter(|text| !text.is_empty()).map(Into::into),
                "iat" => peek.issued = claim.value.number().unwrap_or_default(),
                _ => {}
            }
        }
        peek
    }
}

fn without_scheme(issuer: &str) -> &str {
    issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://")).unwrap_or(issuer)
}

fn positive_integer(text: &[u8]) -> Option<i64> {
    let digits =
        std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok().filter(|number| *number > 0)
}
