//! The public keys (docs/reference/clerk-tokens.md, section 4).

mod key_set;
mod rsa;
#[cfg(test)]
#[path = "../../tests/authenticator/support/rsa.rs"]
#[expect(dead_code, reason = "only the integration tests use the other items")]
pub(crate) mod test_keys;
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

/// The public keys that verify tokens.
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

    /// Returns the key set, or `None` for a PEM key.
    pub(crate) fn set(&self) -> Option<&Arc<KeySet>> {
        match self {
            Self::Pem(_) => None,
            Self::Set(set) => Some(set),
        }
    }

    /// Returns the key with the ID `kid`. If the current key set does not contain the key, this method may wait for a
    /// fetch. Returns a configured PEM key for every ID.
    pub(crate) async fn find(&self, kid: &str) -> Result<Arc<PublicKey>, Rejection> {
        match self {
            Self::Pem(key) => Ok(Arc::clone(key)),
            Self::Set(set) => set.find(kid).await,
        }
    }
}
