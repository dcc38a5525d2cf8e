use async_trait::async_trait;
use icp_domain::{IcpId, UserId};

use crate::{RepositoryError, Version};

/// Removes a user from histories: for the command that does so. Access to ICPs is removed by changes, and before that.
#[async_trait]
pub trait ForgetUser: Send + Sync {
    /// Removes the user from a part of what is stored, and returns where the next part is, or `None` at the end.
    ///
    /// At the end, no author, actor or creator MUST be the user, no revision's `userIds` MUST contain them, they MUST be among
    /// the users of no deleted ICP, and no idempotency key MUST be theirs. Everything else MUST stay as it is. It MUST be
    /// harmless to do a part twice, so that a caller that was interrupted can start again.
    ///
    /// # Errors
    ///
    /// As in [`crate::IcpReader`].
    async fn forget(&self, user_id: &UserId, part: ForgetPart)
    -> Result<Option<ForgetPart>, RepositoryError>;

    /// Returns the number of ICPs and revisions, for a progress bar.
    ///
    /// # Errors
    ///
    /// As in [`crate::IcpReader`].
    async fn count_rows(&self) -> Result<u64, RepositoryError>;
}

/// A part of what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForgetPart {
    /// The authors of current states and the creators, from this ID on.
    Icps(IcpId),
    /// The revisions after this one.
    Revisions(IcpId, Version),
    /// The users of deleted ICPs, and idempotency keys.
    Others,
}

impl ForgetPart {
    /// Rows in a part. Each can have two mebibytes, and a part is in memory.
    pub const ROWS: u32 = 50;

    /// The first part.
    pub const FIRST: Self = Self::Icps(IcpId::NIL);

    /// Returns the part after ICPs of which the last one is known.
    pub fn after_icps(last: Option<IcpId>) -> Self {
        let next = last.and_then(IcpId::successor);
        next.map_or(Self::Revisions(IcpId::NIL, Version(i64::MIN)), Self::Icps)
    }
}
