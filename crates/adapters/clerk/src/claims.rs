//! What a token claims, and whether that counts (docs/contract/clerk-tokens.md, section 2).

use std::borrow::Cow;

use icp_domain::json::{Json, Kind};
use icp_domain::{Caller, UserId};

use crate::reason::Reason;
use crate::settings::ClerkSettings;
use crate::times::Times;

/// The claims that count, present or not, each as whatever it is. All others are left alone.
#[derive(Default)]
pub(crate) struct Claims<'a> {
    sub: Option<Json<'a>>,
    sid: Option<Json<'a>>,
    iss: Option<Json<'a>>,
    azp: Option<Json<'a>>,
    aud: Option<Json<'a>>,
    exp: Option<Json<'a>>,
    nbf: Option<Json<'a>>,
    iat: Option<Json<'a>>,
    sts: Option<Json<'a>>,
}

impl<'a> Claims<'a> {
    pub(crate) fn read(payload: Json<'a>) -> Self {
        let mut claims = Self::default();
        for member in payload.members() {
            let claim = match member.name.as_ref() {
                "sub" => &mut claims.sub,
                "sid" => &mut claims.sid,
                "iss" => &mut claims.iss,
                "azp" => &mut claims.azp,
                "aud" => &mut claims.aud,
                "exp" => &mut claims.exp,
                "nbf" => &mut claims.nbf,
                "iat" => &mut claims.iat,
                "sts" => &mut claims.sts,
                _ => continue,
            };
            *claim = Some(member.value);
        }
        claims
    }

    /// Whether the token is a machine's, which Clerk signs with the same keys.
    pub(crate) fn name_a_machine(&self) -> bool {
        text(self.sub).is_some_and(|sub| sub.starts_with("mch_"))
    }

    /// Whom the claims sign in, times aside. The signature is proved.
    pub(crate) fn caller(&self, payload: Json<'_>, settings: &ClerkSettings) -> Result<Caller, Reason> {
        let user_id = identifier(self.sub).ok_or(Reason::NoSubject)?;
        let user_id = UserId::try_from(user_id.into_owned()).map_err(|_| Reason::NoSubject)?;
        identifier(self.sid).ok_or(Reason::NoSession)?;
        self.check_issuer(&settings.issuer)?;
        self.check_party(&settings.authorized_parties)?;
        self.check_audience(&settings.audience)?;
        let admin = settings.admin.applies(&user_id, payload);
        Ok(if admin { Caller::admin(user_id) } else { Caller::user(user_id) })
    }

    pub(crate) fn times(&self) -> Result<Times, Reason> {
        Times::read(self.exp, self.nbf, self.iat)
    }

    fn check_issuer(&self, issuer: &str) -> Result<(), Reason> {
        if text(self.iss).is_some_and(|iss| iss == issuer) { Ok(()) } else { Err(Reason::WrongIssuer) }
    }

    /// Tokens of one instance are good for every application of it; `azp` says which one asked for it.
    fn check_party(&self, parties: &[String]) -> Result<(), Reason> {
        let authorized = || text(self.azp).is_some_and(|azp| !azp.is_empty() && contains(parties, &azp));
        if parties.is_empty() || authorized() { Ok(()) } else { Err(Reason::WrongParty) }
    }

    /// A service that does not find itself in a present `aud` must reject the token (RFC 7519, section
    /// 4.1.3), and one without a name never does.
    fn check_audience(&self, audience: &[String]) -> Result<(), Reason> {
        let matches = match self.aud {
            None => audience.is_empty(),
            Some(aud) => names_one_of(aud, audience),
        };
        if matches { Ok(()) } else { Err(Reason::WrongAudience) }
    }

    /// A session whose user has something left to do, such as choosing an organization, is not signed in yet.
    pub(crate) fn check_status(&self) -> Result<(), Reason> {
        let active = self.sts.is_none() || text(self.sts).is_some_and(|sts| sts == "active");
        if active { Ok(()) } else { Err(Reason::InactiveSession) }
    }
}

fn text(claim: Option<Json<'_>>) -> Option<Cow<'_, str>> {
    claim.and_then(Json::string)
}

/// A non-empty string. With U+0000 it could name nobody: no ICP can be stored for such a user.
fn identifier(claim: Option<Json<'_>>) -> Option<Cow<'_, str>> {
    text(claim).filter(|text| !text.is_empty() && !text.contains('\0'))
}

/// `aud` is a string or an array of strings.
fn names_one_of(aud: Json<'_>, audience: &[String]) -> bool {
    match aud.kind() {
        Kind::String => text(Some(aud)).is_some_and(|aud| contains(audience, &aud)),
        Kind::Array => {
            aud.elements().all(|element| element.string().is_some())
                && aud.elements().filter_map(Json::string).any(|element| contains(audience, &element))
        }
        _ => false,
    }
}

fn contains(texts: &[String], text: &str) -> bool {
    texts.iter().any(|candidate| candidate == text)
}
