use crate::admin::AdminRule;
use crate::keys::KeySource;
use crate::publishable_key::PublishableKey;

/// Which tokens count, and where they may stand.
#[derive(Clone, Debug)]
pub struct ClerkSettings {
    /// Who must have issued a token, byte for byte: `https://clerk.example.com`.
    pub issuer: String,
    /// Where the keys come from.
    pub keys: KeySource,
    /// The origins a token may have been made for (`azp`). None: not checked, which whoever starts the
    /// service should hear about.
    pub authorized_parties: Vec<String>,
    /// The audiences of which a token must name one (`aud`). None: a token must not name any.
    pub audience: Vec<String>,
    /// Who is an admin.
    pub admin: AdminRule,
    /// Whether Clerk's session cookie counts.
    pub session_cookie: SessionCookie,
}

/// Whether Clerk's session cookie counts. A service on an origin of its own has no use for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SessionCookie {
    /// It does not.
    #[default]
    Ignored,
    /// It does, under its plain name only: `__session`.
    Plain,
    /// It does, also under the name that belongs to the instance with this key alone.
    OfInstance(PublishableKey),
}
