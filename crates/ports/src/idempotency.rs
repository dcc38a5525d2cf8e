use icp_domain::Timestamp;

use crate::{StoredIcp, Version};

/// A client's key for one create or copy, which makes the request safe to repeat
/// (draft-ietf-httpapi-idempotency-key-header).
///
/// A key belongs to the [`crate::Creator`] of the ICP. Keys of different users are different, even if their texts are
/// equal. User IDs and texts are compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The client's text: 1 to 255 visible ASCII characters and spaces.
    pub key: String,
    /// A digest of the request. The same key with another digest is an error of the client.
    pub fingerprint: [u8; 32],
}

impl IdempotencyKey {
    const LIFETIME_MILLIS: i64 = 24 * 60 * 60 * 1_000;

    /// Returns the time 24 hours before `now`. A key that was first used before this time is no longer valid.
    pub fn oldest_valid(now: Timestamp) -> Timestamp {
        Timestamp::from_unix_millis(now.unix_millis() - Self::LIFETIME_MILLIS).unwrap_or(Timestamp::MIN)
    }
}

/// The outcome of [`crate::IcpRepository::insert`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// The ICP is stored at this version.
    Created(Version),
    /// The same key and fingerprint were used before. Contains the ICP as it was created. The ICP may have changed in
    /// the meantime.
    Repeated(StoredIcp),
    /// The same key was used with another fingerprint.
    KeyReused,
    /// The quota of the creator is used up. Nothing was stored.
    QuotaReached,
    /// Another create with this key is in progress, or has failed but has not released the key yet. The caller can try
    /// again after some milliseconds.
    InProgress,
}
