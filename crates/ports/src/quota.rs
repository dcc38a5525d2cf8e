use icp_domain::UserId;

use crate::Version;

/// How much one user may have created. ICPs count for the user who created them, whatever their `userIds` say, and for nobody
/// if they were imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The largest number of ICPs, and of idempotency keys that are stored.
    pub icps: u64,
    /// The largest number of bytes: of the documents of the ICPs, and of the results that idempotency keys keep.
    pub bytes: u64,
}

impl Quota {
    /// No limit.
    pub const UNLIMITED: Self = Self { icps: u64::MAX, bytes: u64::MAX };

    /// Returns the length of a document that a change may always have, in bytes. Changes to longer documents are counted:
    /// otherwise many short ICPs could grow to any size. Counting costs time, which most changes need not take.
    pub fn uncounted_bytes(self) -> u64 {
        self.bytes / self.icps.max(1)
    }
}

/// The user who creates an ICP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    /// The user.
    pub user_id: UserId,
    /// Their quota.
    pub quota: Quota,
}

/// The outcome of [`crate::IcpRepository::replace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// The change is stored. This is the new version.
    Replaced(Version),
    /// The ICP is at another version, or is being written by another caller. Nothing was changed.
    OtherVersion,
    /// The document is longer than before, and the quota of the ICP's creator is used up. Nothing was changed.
    QuotaReached,
}
