use icp_domain::{Author, Source, UserId};

use crate::Version;

/// The limits on the data that one user has created. An ICP counts for its creator, independent of its `userIds`. A new
/// ICP of an import counts for no user. An ICP that an import replaces keeps its creator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Maximum number of ICPs. The same maximum applies separately to the stored idempotency keys, and to the deleted
    /// ICPs in the history. An insert is refused while the user has reached one of the three limits, even if the insert
    /// has no key. An implementation MAY count expired keys that have not been removed.
    pub icps: u64,
    /// Maximum number of bytes of all documents together: of each ICP, of each replaced or deleted state in the
    /// history, and of each result that is stored with an idempotency key. An ICP that was created with a key counts
    /// twice until the key is removed.
    pub bytes: u64,
}

impl Quota {
    /// No limit.
    pub const UNLIMITED: Self = Self { icps: u64::MAX, bytes: u64::MAX };

    /// Returns the number of bytes that an ICP with its history may have before changes check the quota.
    pub fn uncounted_bytes(self) -> u64 {
        (self.bytes / self.icps.max(1)).max(1)
    }

    /// Returns true if a change must check the quota: if the bytes of the ICP with its history pass a multiple of
    /// [`Quota::uncounted_bytes`]. Most changes pass no multiple, so they do not have to count all ICPs of the creator.
    /// Without a check, an ICP grows by fewer than [`Quota::uncounted_bytes`], and `icps` ICPs together by fewer than
    /// `bytes`.
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
    /// The source of the create.
    pub source: Source,
    /// The quota of the user.
    pub quota: Quota,
}

impl Creator {
    /// Returns the author of the create.
    pub fn author(&self) -> Author {
        Author { by: Some(self.user_id.clone()), actor: self.actor.clone(), source: self.source }
    }
}

/// The outcome of [`crate::IcpRepository::replace`] and [`crate::IcpHistory::undelete`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// The change is stored at this new version.
    Replaced(Version),
    /// The ICP does not have the expected version, or another caller is writing it. Nothing was changed.
    OtherVersion,
    /// The quota of the ICP's creator is used up. Nothing was changed.
    QuotaReached,
}
