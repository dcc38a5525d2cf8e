use icp_domain::{Timestamp, UserId};

use crate::{StoredIcp, Version};

/// What makes a create safe to repeat: the client's name for it.
///
/// The rules are those of draft-ietf-httpapi-idempotency-key-header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Whose key it is: the same text is another key for another user.
    pub user_id: UserId,
    /// What the client calls it: 1 to 255 visible ASCII characters and blanks.
    pub key: String,
    /// A digest of what was asked: the same key with another digest is a mistake of the client.
    pub fingerprint: [u8; 32],
}

impl IdempotencyKey {
    const LIFETIME_MILLIS: i64 = 24 * 60 * 60 * 1_000;

    /// A key counts for 24 hours: at `now`, those that first came before this time count no longer.
    pub fn oldest_that_counts(now: Timestamp) -> Timestamp {
        Timestamp::from_unix_millis(now.unix_millis() - Self::LIFETIME_MILLIS).unwrap_or(Timestamp::MIN)
    }
}

/// What became of a create with an [`IdempotencyKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It was the first: the ICP is there now.
    Created(Version),
    /// The same was asked before, and this came of it then. The ICP may have changed since, or be gone.
    Repeated(StoredIcp),
    /// Something else was asked with the same key.
    KeyReused,
    /// The first is still at work, or has failed a moment ago, and it cannot be told yet: ask again a little later.
    InProgress,
}
