use crate::admin::AdminRule;
use crate::keys::KeySource;
use crate::publishable_key::PublishableKey;

/// The rules for session tokens and their position in a request.
#[derive(Clone, Debug)]
pub struct ClerkSettings {
    /// The issuer that a token must have, byte for byte: `https://clerk.example.com`.
    pub issuer: String,
    /// The source of the public keys.
    pub keys: KeySource,
    /// Accepted origins. A session token must name one of them in `azp`. If empty, `azp` is not checked.
    pub authorized_parties: Vec<String>,
    /// Accepted audiences. A session token must name one of them in `aud`. If empty, a token must not name an audience.
    pub audience: Vec<String>,
    /// The users who are admins.
    pub admin: AdminRule,
    /// The handling of Clerk's session cookie.
    pub session_cookie: SessionCookie,
    /// The number of verified tokens that are cached. 0 turns the cache off.
    pub token_cache_size: usize,
}

/// The handling of Clerk's session cookie. A service on another origin than the application does not need the cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionCookie {
    /// Cookies are ignored.
    Ignored,
    /// The cookie is accepted under its plain name only: `__session`.
    Plain,
    /// The cookie is accepted under its plain name and under the name of the instance with this key.
    OfInstance(PublishableKey),
}

/// An endpoint that accepts OAuth access tokens (RFC 9068), and the rules for these tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthResource {
    /// The public URL of the endpoint, which a token names in `aud`: `https://icp.example.com/mcp`.
    pub url: String,
    /// OAuth clients whose tokens are accepted with any `aud` or without one.
    pub client_ids: Vec<String>,
    /// The scopes that a token must have.
    pub required_scopes: Vec<String>,
}
