//! The claims of a token with a valid signature (docs/reference/clerk-tokens.md, sections 2 and 3).

use icp_domain::{Caller, UserId};
use serde::Deserialize;

use crate::header::{Field, parse_object};
use crate::rejection::{Rejection, require};
use crate::settings::{ClerkSettings, OAuthResource};

/// Maximum difference between Clerk's clock and our clock. It is small, because session tokens are valid for only 60 s.
const MAX_CLOCK_SKEW_MS: i64 = 5_000;
/// Maximum number of seconds before or after 1970. It is the range of an ECMAScript date, which Clerk's verifier
/// accepts.
const MAX_SECONDS: f64 = 8.64e12;

/// The claims that are checked. All other claims are ignored.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Claims {
    sub: Field,
    sid: Field,
    iss: Field,
    azp: Field,
    aud: Field,
    exp: Field,
    nbf: Field,
    iat: Field,
    sts: Field,
    act: Field,
    client_id: Field,
    scope: Field,
}

impl Claims {
    /// Parses a payload: a JSON object in which no checked claim appears twice.
    pub(crate) fn parse(payload: &str) -> Result<Self, Rejection> {
        parse_object(payload.as_bytes())
    }

    /// Checks the claims of a session token, and returns its user. `json` is the text from which `self` was parsed.
    pub(crate) fn session_caller(&self, json: &str, settings: &ClerkSettings) -> Result<Caller, Rejection> {
        let user_id = self.user_id()?;
        require(self.sid.text().is_some_and(|sid| !sid.is_empty()), "no_session")?;
        self.check_issuer(&settings.issuer)?;
        self.check_party(&settings.authorized_parties)?;
        self.check_audience(&settings.audience)?;
        // A session is pending until its user has, for example, chosen an organization.
        require(self.sts.is_absent() || self.sts.text().as_deref() == Some("active"), "inactive_session")?;
        let is_admin = settings.admin.is_admin(&user_id, json)?;
        self.caller(user_id, is_admin)
    }

    /// Checks the claims of an OAuth access token, and returns its user, who is never an admin.
    pub(crate) fn access_caller(&self, issuer: &str, resource: &OAuthResource) -> Result<Caller, Rejection> {
        let user_id = self.user_id()?;
        let client_id = identifier(&self.client_id).ok_or(Rejection::of("no_client"))?;
        self.check_issuer(issuer)?;
        if !resource.client_ids.contains(&client_id) && !self.audience().contains(&resource.url) {
            return Err(Rejection::Refused("wrong_resource", Some(client_id)));
        }
        let caller = self.caller(user_id, false)?;
        let scope = if self.scope.is_absent() { Some(String::new()) } else { self.scope.text() };
        let scope = scope.ok_or(Rejection::of("malformed_scope"))?;
        let is_granted = |required: &String| scope.split(' ').any(|granted| granted == required);
        let is_sufficient = resource.required_scopes.iter().all(is_granted);
        if is_sufficient { Ok(caller) } else { Err(Rejection::InsufficientScope) }
    }

    /// Returns the ID of the user. Refuses tokens of machines, which Clerk signs with the keys of session tokens.
    fn user_id(&self) -> Result<UserId, Rejection> {
        let sub = identifier(&self.sub).ok_or(Rejection::of("no_subject"))?;
        require(!sub.starts_with("mch_"), "machine_token")?;
        UserId::try_from(sub).map_err(|_| Rejection::of("no_subject"))
    }

    /// Returns the caller. An impersonated user is never an admin.
    fn caller(&self, user_id: UserId, is_admin: bool) -> Result<Caller, Rejection> {
        if self.act.is_absent() {
            return Ok(if is_admin { Caller::admin(user_id) } else { Caller::user(user_id) });
        }
        let act = self.act.json().and_then(|act| Self::parse(act).ok());
        let actor = act.and_then(|act| UserId::try_from(identifier(&act.sub)?).ok());
        actor.map(|actor| Caller::impersonated(user_id, actor)).ok_or(Rejection::of("malformed_actor"))
    }

    fn check_issuer(&self, issuer: &str) -> Result<(), Rejection> {
        match self.iss.text() {
            Some(iss) if iss == issuer => Ok(()),
            iss => Err(Rejection::Refused("wrong_issuer", iss)),
        }
    }

    /// Checks which application requested the token (`azp`). Clerk signs the tokens of all applications of an instance
    /// with the same keys, so the other checks do not distinguish them. Without configured parties, `azp` is ignored.
    fn check_party(&self, parties: &[String]) -> Result<(), Rejection> {
        match self.azp.text().filter(|azp| !azp.is_empty()) {
            _ if parties.is_empty() => Ok(()),
            None => Err(Rejection::of("missing_party")),
            Some(azp) if parties.contains(&azp) => Ok(()),
            Some(azp) => Err(Rejection::Refused("wrong_party", Some(azp))),
        }
    }

    /// Checks `aud`. One of the names in `aud` must be in `audience` (RFC 7519, section 4.1.3). If `audience` is empty,
    /// the token must not have `aud`.
    fn check_audience(&self, audience: &[String]) -> Result<(), Rejection> {
        let is_named = self.audience().iter().any(|named| audience.contains(named));
        require(is_named || (self.aud.is_absent() && audience.is_empty()), "wrong_audience")
    }

    /// Returns the names in `aud`, which is a string or an array of strings.
    fn audience(&self) -> Vec<String> {
        let single_name = || Some(vec![self.aud.text()?]);
        self.aud.read().or_else(single_name).unwrap_or_default()
    }

    /// Reads the times. Only `exp` is required.
    pub(crate) fn times(&self) -> Result<Times, Rejection> {
        let optional = |claim: &Field| match seconds(claim) {
            None if !claim.is_absent() => Err(Rejection::of("malformed_time")),
            seconds => Ok(seconds),
        };
        Ok(Times {
            expires: seconds(&self.exp).ok_or(Rejection::of("malformed_time"))?,
            not_before: optional(&self.nbf)?,
            issued: optional(&self.iat)?,
        })
    }
}

/// Returns the value if it is a non-empty string without U+0000. PostgreSQL cannot store U+0000.
fn identifier(claim: &Field) -> Option<String> {
    claim.text().filter(|text| !text.is_empty() && !text.contains('\0'))
}

/// Returns the claim in whole seconds, or `None` if it is not a number within [`MAX_SECONDS`]. The bound prevents an
/// overflow when the seconds are converted to milliseconds.
fn seconds(claim: &Field) -> Option<i64> {
    let seconds = claim.read::<f64>()?.trunc();
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53 fits")]
    (seconds.abs() <= MAX_SECONDS).then_some(seconds as i64)
}

/// The times of a token, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) expires: i64,
    pub(crate) not_before: Option<i64>,
    pub(crate) issued: Option<i64>,
}

impl Times {
    /// Fails if the token is expired or not yet valid. A cached token may have expired after it was verified.
    pub(crate) fn check(&self, now_ms: i64) -> Result<(), Rejection> {
        let is_future = |seconds: i64| seconds * 1000 > now_ms.saturating_add(MAX_CLOCK_SKEW_MS);
        require(self.expires * 1000 > now_ms.saturating_sub(MAX_CLOCK_SKEW_MS), "expired")?;
        require(!self.not_before.is_some_and(is_future), "not_yet_valid")?;
        require(!self.issued.is_some_and(is_future), "issued_in_future")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_times_do_not_overflow() {
        let limit = 8_640_000_000_000;
        for now in [i64::MIN, 0, i64::MAX] {
            let _ = Times { expires: limit, not_before: Some(-limit), issued: Some(limit) }.check(now);
        }
    }
}
