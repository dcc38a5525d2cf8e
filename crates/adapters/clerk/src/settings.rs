use crate::admin::AdminRule;
use crate::keys::KeySource;
use crate::publishable_key::PublishableKey;

/// Which session tokens are accepted, and where a request may carry them.
#[derive(Clone, Debug)]
pub struct ClerkSettings {
    /// The issuer that a token must have, byte for byte: `https://clerk.example.com`.
    pub issuer: String,
    /// The source of the public keys.
    pub keys: KeySource,
    /// The origins of which a session token must name one (`azp`). If it is empty, `azp` is not checked.
    pub authorized_parties: Vec<String>,
    /// The audiences of which a session token must name one (`aud`). If it is empty, a token must not name any.
    pub audience: Vec<String>,
    /// The users who are admins.
    pub admin: AdminRule,
    /// Whether Clerk's session cookie is accepted.
    pub session_cookie: SessionCookie,
    /// The number of verified tokens that are cached. 0 turns the cache off.
    pub token_cache_size: usize,
}

/// Whether Clerk's session cookie is accepted. A service on another origin than the application does not need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionCookie {
    /// Cookies are ignored.
    Ignored,
    /// The cookie is accepted under its plain name only: `__session`.
    Plain,
    /// The cookie is accepted under its plain name and under the name of the instance with this key.
    OfInstance(PublishableKey),
}

/// An endpoint that accepts OAuth access tokens (RFC 9068), and which of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthResource {
    /// The public URL of the endpoint, which a token names in `aud`: `https://icp.example.com/mcp`.
    pub url: String,
    /// OAuth clients whose tokens are accepted with any `aud`, or none.
    pub client_ids: Vec<String>,
    /// The scopes that a token must all have.
    pub required_scopes: Vec<String>,
}
