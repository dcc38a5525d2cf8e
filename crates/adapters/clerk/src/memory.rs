//! Tokens that were verified a moment ago. A browser sends the same one again and again for up to a minute,
//! and only the signature is costly.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use icp_domain::Caller;
use quick_cache::sync::Cache;

use crate::keys::{Keys, RsaKey};
use crate::times::Times;

/// About 5 MB when full.
const CAPACITY: usize = 20_000;

/// What is left of a token that passed every check: who it names, and what may still change about that.
pub(crate) struct Remembered {
    pub(crate) caller: Caller,
    pub(crate) times: Times,
    pub(crate) key: Arc<RsaKey>,
}

/// A token's digest: memory holds nothing that would sign anybody in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenDigest([u8; SHA256_OUTPUT_LEN]);

impl TokenDigest {
    pub(crate) fn of(token: &[u8]) -> Self {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest(&SHA256, token).as_ref());
        Self(bytes)
    }
}

/// The tokens that were verified last.
pub(crate) struct Memory(Cache<TokenDigest, Arc<Remembered>>);

impl Memory {
    pub(crate) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// What is known of a token, unless the key that verified it is no longer in force.
    pub(crate) fn recall(&self, token: &TokenDigest, keys: &Keys) -> Option<Arc<Remembered>> {
        let remembered = self.0.get(token)?;
        if keys.hold(&remembered.key) {
            return Some(remembered);
        }
        self.forget(token);
        None
    }

    pub(crate) fn remember(&self, token: TokenDigest, remembered: Arc<Remembered>) {
        self.0.insert(token, remembered);
    }

    pub(crate) fn forget(&self, token: &TokenDigest) {
        self.0.remove(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::rsa_for_tests::{KEY, OTHER};

    fn keys(pem: &str) -> Keys {
        Keys::start(crate::keys::KeySource::Pem(pem.parse().unwrap())).unwrap()
    }

    fn remembered(key: Arc<RsaKey>) -> Arc<Remembered> {
        let times = Times { expires: 1, not_before: None, issued: None };
        Arc::new(Remembered { caller: Caller::user("user_1".parse().unwrap()), times, key })
    }

    #[tokio::test]
    async fn it_is_bounded() {
        let keys = keys(&KEY.spki_pem());
        let session = remembered(keys.find("").await.unwrap());
        let memory = Memory::new();
        for n in 0..3 * CAPACITY {
            memory.remember(TokenDigest::of(&n.to_le_bytes()), Arc::clone(&session));
        }
        assert!(memory.0.len() <= CAPACITY, "{}", memory.0.len());
        assert!(memory.0.len() > CAPACITY / 2, "{}", memory.0.len());
    }

    #[tokio::test]
    async fn what_is_forgotten_is_gone() {
        let keys = keys(&OTHER.spki_pem());
        let memory = Memory::new();
        let token = TokenDigest::of(b"token");
        assert!(memory.recall(&token, &keys).is_none());
        memory.remember(token, remembered(keys.find("").await.unwrap()));
        assert!(memory.recall(&token, &keys).is_some());
        assert!(memory.recall(&TokenDigest::of(b"token "), &keys).is_none());
        memory.forget(&token);
        assert!(memory.recall(&token, &keys).is_none());
    }
}
