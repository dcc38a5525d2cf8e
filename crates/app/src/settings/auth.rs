use std::time::Duration;

use icp_domain::UserId;
use serde::Deserialize;

use super::SettingsError;

/// Who is signed in, and who is an admin.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// Who decides.
    pub sign_in: SignIn,
    /// The parties of which a token must name one in `azp`; any when empty.
    pub authorized_parties: Vec<String>,
    /// The audiences of which a token must name one in `aud`; no token may name any when empty.
    pub audience: Vec<String>,
    /// Whether the `__session` cookie counts.
    pub session_cookie: bool,
    /// Users who are admins.
    pub admin_user_ids: Vec<UserId>,
    /// Where in a token's claims `"admin"` makes an admin: a JSON Pointer.
    pub admin_claim: Option<String>,
    /// The number of verified tokens that are cached. 0 turns the cache off.
    pub token_cache_size: usize,
}

/// Who decides who is signed in.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// Clerk.
    Clerk(ClerkKeys),
    /// A key pair of this machine's own, for development.
    Development,
}

/// Where Clerk's keys come from. What is explicit goes before what a publishable key implies; the texts have not been read
/// yet.
#[derive(Clone, Debug)]
pub struct ClerkKeys {
    /// The issuer, when it is set.
    pub issuer: Option<String>,
    /// A PEM public key; it goes before a key set.
    pub jwt_key: Option<String>,
    /// The URL of a key set.
    pub jwks_url: Option<String>,
    /// The instance's publishable key.
    pub publishable_key: Option<String>,
    /// How long a key set counts.
    pub jwks_lifetime: Duration,
    /// How long after a fetch an unknown key causes no other.
    pub jwks_cooldown: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    issuer: Option<String>,
    jwks_url: Option<String>,
    jwt_key: Option<String>,
    publishable_key: Option<String>,
    #[serde(default)]
    authorized_parties: Vec<String>,
    #[serde(default)]
    audience: Vec<String>,
    session_cookie: bool,
    jwks_lifetime_seconds: u64,
    jwks_cooldown_seconds: u64,
    #[serde(default)]
    admin_user_ids: Vec<String>,
    admin_claim: Option<String>,
    token_cache_size: usize,
}

impl TryFrom<Raw> for AuthSettings {
    type Error = SettingsError;

    fn try_from(raw: Raw) -> Result<Self, SettingsError> {
        if raw.jwks_cooldown_seconds > raw.jwks_lifetime_seconds {
            let message =
                "must not be longer than auth.jwks_lifetime_seconds (ICP__AUTH__JWKS_LIFETIME_SECONDS)";
            return Err(SettingsError::of("auth.jwks_cooldown_seconds", message));
        }
        let keys = [&raw.issuer, &raw.jwks_url, &raw.jwt_key, &raw.publishable_key];
        let clerk_is_configured = keys.iter().any(|key| key.is_some());
        if clerk_is_configured && raw.issuer.is_none() && raw.publishable_key.is_none() {
            let message = "must be set: a token counts only when its issuer is this one. \
                           CLERK_PUBLISHABLE_KEY settles it, too";
            return Err(SettingsError::of("auth.issuer", message));
        }
        let user_ids = raw.admin_user_ids.into_iter().map(UserId::try_from).collect::<Result<_, _>>();
        let admin_user_ids = user_ids.map_err(|error| SettingsError::of("auth.admin_user_ids", error))?;
        let sign_in = if clerk_is_configured {
            SignIn::Clerk(ClerkKeys {
                issuer: raw.issuer,
                jwt_key: raw.jwt_key,
                jwks_url: raw.jwks_url,
                publishable_key: raw.publishable_key,
                jwks_lifetime: Duration::from_secs(raw.jwks_lifetime_seconds),
                jwks_cooldown: Duration::from_secs(raw.jwks_cooldown_seconds),
            })
        } else {
            SignIn::Development
        };
        Ok(Self {
            sign_in,
            authorized_parties: raw.authorized_parties,
            audience: raw.audience,
            session_cookie: raw.session_cookie,
            admin_user_ids,
            admin_claim: raw.admin_claim,
            token_cache_size: raw.token_cache_size,
        })
    }
}
