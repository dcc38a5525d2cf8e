use crate::admin::AdminRule;
use crate::keys::KeySource;
use crate::publishable_key::PublishableKey;

/// Settings of a [`ClerkAuthenticator`](crate::ClerkAuthenticator).
#[derive(Clone, Debug)]
pub struct ClerkSettings {
    /// The issuer that a token must have, compared byte for byte. Example: `https://clerk.example.com`.
    pub issuer: String,
    /// The source of the public keys.
    pub keys: KeySource,
    /// Accepted origins. The `azp` of a session token must be one of these origins. If the list is empty, `azp` is not
    /// checked. A request that changes state and signs in with the session cookie must come from one of these origins.
    /// If the list is empty, every such request is refused.
    pub authorized_parties: Vec<String>,
    /// Accepted audiences. A session token must name one of these audiences in `aud`. If the list is empty, a session
    /// token must not have `aud`.
    pub audience: Vec<String>,
    /// The users who are admins.
    pub admin: AdminRule,
    /// Whether and under which names Clerk's session cookie is accepted.
    pub session_cookie: SessionCookie,
    /// Maximum number of verified tokens in the cache. 0 turns the cache off.
    pub token_cache_size: usize,
}

/// Whether and under which names Clerk's session cookie is accepted. Browsers send the cookie only to the host of the
/// application. If the service has another host, applications send the token in `Authorization`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionCookie {
    /// Cookies are ignored.
    Ignored,
    /// The cookie is accepted only under the name `__session`.
    Plain,
    /// The cookie is accepted under the name `__session_SUFFIX`. The publishable key determines the suffix. If this
    /// cookie is absent, the cookie `__session` is accepted.
    OfInstance(PublishableKey),
}

/// An endpoint that accepts OAuth access tokens (RFC 9068), and the rules for these tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthResource {
    /// The public URL of the endpoint, which a token names in `aud`. Example: `https://icp.example.com/mcp`.
    pub url: String,
    /// IDs of OAuth clients whose tokens are accepted with any `aud`, and without `aud`.
    pub client_ids: Vec<String>,
    /// The scopes that a token must have.
    pub required_scopes: Vec<String>,
}
