use async_trait::async_trait;
use icp_domain::{IcpId, UserId};

use crate::{RepositoryError, Version};

/// Removes a user from histories, also as the author, actor or creator of ICPs, and deletes the user's idempotency
/// keys. The command `icp forget-user` uses this port. The command first removes the user from the `userIds` of all
/// ICPs.
#[async_trait]
pub trait ForgetUser: Send + Sync {
    /// Removes the user from one part of the stored data. Returns the next part, or `None` at the end.
    ///
    /// After the last part, the user MUST NOT be an author, actor or creator, MUST NOT be in the `userIds` of a
    /// revision or of a deleted ICP, and MUST NOT own an idempotency key. All other data MUST stay unchanged.
    /// Processing a part twice MUST have no further effect, so that an interrupted caller can start again.
    ///
    /// # Errors
    ///
    /// As in [`crate::IcpReader`].
    async fn forget(&self, user_id: &UserId, part: ForgetPart)
    -> Result<Option<ForgetPart>, RepositoryError>;

    /// Returns the number of ICPs and revisions, for a progress bar. An implementation MAY return an estimate.
    ///
    /// # Errors
    ///
    /// As in [`crate::IcpReader`].
    async fn count_rows(&self) -> Result<u64, RepositoryError>;
}

/// A part of the stored data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForgetPart {
    /// The ICPs from this ID on. The user is removed as the author and actor of their current states, and as their
    /// creator.
    Icps(IcpId),
    /// The revisions after the revision with this ID and version. The user is removed as their author and actor, from
    /// their documents, and as the creator of deleted ICPs.
    Revisions(IcpId, Version),
    /// The users of deleted ICPs at their deletion, and the idempotency keys.
    Others,
}

impl ForgetPart {
    /// Maximum number of rows that an implementation SHOULD read for one part. A row can have 2 MiB, or 16 MiB if it
    /// was imported.
    pub const MAX_ROWS: u32 = 50;

    /// The first part.
    pub const FIRST: Self = Self::Icps(IcpId::NIL);

    /// Returns the part that follows the ICP `last`. `last` is `None` if there are no more ICPs.
    pub fn after_icps(last: Option<IcpId>) -> Self {
        let next = last.and_then(IcpId::successor);
        next.map_or(Self::Revisions(IcpId::NIL, Version(i64::MIN)), Self::Icps)
    }
}
