use icp_domain::{Timestamp, UserId};

use crate::{StoredIcp, Version};

/// A client's name for one create, which makes it safe to repeat (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The user who sent it. The same text is another key for another user.
    pub user_id: UserId,
    /// The client's text: 1 to 255 visible ASCII characters and spaces.
    pub key: String,
    /// A digest of the request. The same key with another digest is a mistake of the client.
    pub fingerprint: [u8; 32],
}

impl IdempotencyKey {
    const LIFETIME_MILLIS: i64 = 24 * 60 * 60 * 1_000;

    /// Returns the earliest time at which a key that is still valid at `now` was first used: 24 hours ago.
    pub fn oldest_valid(now: Timestamp) -> Timestamp {
        Timestamp::from_unix_millis(now.unix_millis() - Self::LIFETIME_MILLIS).unwrap_or(Timestamp::MIN)
    }
}

/// The outcome of [`crate::IcpRepository::insert`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// The ICP is stored, at this version.
    Created(Version),
    /// The same key and fingerprint were used before. This is what was created then; the ICP may have changed since.
    Repeated(StoredIcp),
    /// The same key was used with another fingerprint.
    KeyReused,
    /// The quota of the creator is used up. Nothing was stored.
    QuotaReached,
    /// Another create with this key is in progress, or failed a moment ago. Try again a little later.
    InProgress,
}
