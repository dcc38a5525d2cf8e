//! The public keys (docs/reference/clerk-tokens.md, section 4).

mod key_set;
mod rsa;
#[cfg(test)]
#[path = "../../tests/authenticator/support/rsa.rs"]
#[expect(dead_code, reason = "the integration tests use the rest")]
pub(crate) mod rsa_for_tests;
#[cfg(test)]
mod tests;
mod url;

use std::sync::Arc;

use crate::error::StartError;
use crate::rejection::Rejection;
pub(crate) use key_set::KeySet;
pub use key_set::{KeySetSettings, KeySetStatus};
pub use rsa::PublicKey;
pub use url::KeySetUrl;

/// The source of the public keys.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// One key, which never changes while the process runs.
    Pem(PublicKey),
    /// The key set that the instance publishes.
    KeySet(KeySetSettings),
}

/// The keys in use.
pub(crate) enum Keys {
    Pem(Arc<PublicKey>),
    Set(Arc<KeySet>),
}

impl Keys {
    pub(crate) fn start(source: KeySource) -> Result<Self, StartError> {
        match source {
            KeySource::Pem(key) => Ok(Self::Pem(Arc::new(key))),
            KeySource::KeySet(settings) => KeySet::start(settings).map(Self::Set),
        }
    }

    /// Returns the key set. A PEM key has no ID and never changes.
    pub(crate) fn set(&self) -> Option<&Arc<KeySet>> {
        match self {
            Self::Pem(_) => None,
            Self::Set(set) => Some(set),
        }
    }

    /// Returns the key with that ID. If it is unknown, this may wait for a fetch.
    pub(crate) async fn find(&self, kid: &str) -> Result<Arc<PublicKey>, Rejection> {
        match self {
            Self::Pem(key) => Ok(Arc::clone(key)),
            Self::Set(set) => set.find(kid).await,
        }
    }
}
