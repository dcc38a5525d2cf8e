//! Where the keys come from, and which one a token is to be checked with (docs/contract/clerk-tokens.md,
//! section 3).

mod document;
mod fetch;
mod handle;
mod pem;
mod refresher;
mod rsa;
#[cfg(test)]
#[path = "../../tests/authenticator/support/rsa.rs"]
#[expect(dead_code, reason = "the tests of the whole use the rest")]
pub(crate) mod rsa_for_tests;
mod store;
#[cfg(test)]
mod tests;
mod url;

use std::sync::Arc;

use icp_ports::Health;

pub use handle::KeySetSettings;
pub(crate) use handle::{KeySetHandle, StartKeySetError};
pub use pem::{InvalidPemKey, PemKey};
pub(crate) use rsa::RsaKey;
pub use store::KeySetStatus;
pub use url::{InvalidKeySetUrl, KeySetUrl};

/// Where the keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// One key that was given, for as long as the process runs.
    Pem(PemKey),
    /// The set that the instance publishes, fetched and kept fresh.
    KeySet(KeySetSettings),
}

/// The keys in force.
pub(crate) enum Keys {
    Pem(Arc<RsaKey>),
    Set(KeySetHandle),
}

/// Why there is no key for a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// A set is there, and does not hold it.
    Unknown,
    /// No set is there to say.
    Unavailable,
}

impl Keys {
    pub(crate) fn start(source: KeySource) -> Result<Self, StartKeySetError> {
        match source {
            KeySource::Pem(key) => Ok(Self::Pem(Arc::new(key.into_key()))),
            KeySource::KeySet(settings) => KeySetHandle::start(settings).map(Self::Set),
        }
    }

    /// Whether a token has to name its key: one that was given needs no name.
    pub(crate) fn have_names(&self) -> bool {
        matches!(self, Self::Set(_))
    }

    /// The key of that name. Waits, but only where the name is unknown.
    pub(crate) async fn find(&self, kid: &str) -> Result<Arc<RsaKey>, NoKey> {
        match self {
            Self::Pem(key) => Ok(Arc::clone(key)),
            Self::Set(set) => set.find(kid).await,
        }
    }

    /// Whether that very key is still in force.
    pub(crate) fn hold(&self, key: &Arc<RsaKey>) -> bool {
        match self {
            Self::Pem(_) => true,
            Self::Set(set) => set.holds(key),
        }
    }

    pub(crate) fn health(&self) -> Health {
        match self {
            Self::Pem(_) => Health::Ok,
            Self::Set(set) => set.health(),
        }
    }

    pub(crate) fn status(&self) -> Option<KeySetStatus> {
        match self {
            Self::Pem(_) => None,
            Self::Set(set) => Some(set.status()),
        }
    }
}
