use icp_domain::{Author, Source, UserId};

use crate::Version;

/// How much one user may have created. ICPs count for the user who created them, independent of their `userIds`, and for no user
/// if they were imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The largest number of ICPs, of idempotency keys that are stored, and of deleted ICPs that the history has.
    pub icps: u64,
    /// The largest number of bytes: of the documents of the ICPs, of their histories, and of the results that idempotency keys
    /// keep.
    pub bytes: u64,
}

impl Quota {
    /// No limit.
    pub const UNLIMITED: Self = Self { icps: u64::MAX, bytes: u64::MAX };

    /// Returns the bytes that each ICP may have with its history before they are counted.
    pub fn uncounted_bytes(self) -> u64 {
        (self.bytes / self.icps.max(1)).max(1)
    }

    /// Returns true if a change is counted that takes an ICP with its history from one number of bytes to another: when the
    /// number passes a multiple of [`Quota::uncounted_bytes`]. Counting costs time, which most changes need not take. All ICPs
    /// of a creator together have less than the quota that is not counted yet.
    pub fn is_counted(self, before: u64, after: u64) -> bool {
        after / self.uncounted_bytes() > before / self.uncounted_bytes()
    }
}

/// The user who creates an ICP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    /// The user.
    pub user_id: UserId,
    /// The person who impersonates the user.
    pub actor: Option<UserId>,
    /// How the ICP is created.
    pub source: Source,
    /// Their quota.
    pub quota: Quota,
}

impl Creator {
    /// Returns the author of the ICP.
    pub fn author(&self) -> Author {
        Author { by: Some(self.user_id.clone()), actor: self.actor.clone(), source: self.source }
    }
}

/// The outcome of [`crate::IcpRepository::replace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// The change is stored. This is the new version.
    Replaced(Version),
    /// The ICP is at another version, or is being written by another caller. Nothing was changed.
    OtherVersion,
    /// The quota of the ICP's creator is used up. Nothing was changed.
    QuotaReached,
}
