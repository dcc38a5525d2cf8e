use std::num::NonZeroUsize;

use async_trait::async_trait;
use icp_domain::{AccessScope, Author, ChangedFields, IcpChange, IcpId, Operation, Timestamp};

use crate::{Lookup, Quota, Replacement, RepositoryError, Version};

/// Reads, restores and removes the earlier states of ICPs. If [`Stamp::keeps_replaced`] is true, the writes of
/// [`crate::IcpRepository`] store these states in the same transaction. A deletion is then also stored as a revision of
/// its own, which is called a delete.
///
/// The default methods are for a storage without history.
///
/// # Errors
///
/// As in [`crate::IcpReader`].
#[async_trait]
pub trait IcpHistory: Send + Sync {
    /// Returns the revisions of an ICP, the newest first and without documents, if the ICP is in `scope`.
    ///
    /// The first revision is the current state or, while the ICP is deleted, its delete. The states that were replaced
    /// at or after [`HistoryQuery::since`] and the earlier deletes since then follow. A deleted ICP is in `scope` if
    /// the scope includes its `userIds` at the deletion. An ICP that was deleted before `since` is [`Lookup::Absent`].
    async fn revisions(
        &self,
        _id: IcpId,
        _scope: &AccessScope,
        _query: &HistoryQuery,
    ) -> Result<Lookup<HistoryPage>, RepositoryError> {
        Ok(Lookup::Absent)
    }

    /// Returns one revision with its document, by the rules of [`IcpHistory::revisions`]. Returns `Found(None)` if the
    /// ICP is in `scope` and has no such revision.
    async fn revision(
        &self,
        _id: IcpId,
        _version: Version,
        _scope: &AccessScope,
        _since: Timestamp,
    ) -> Result<Lookup<Option<Revision>>, RepositoryError> {
        Ok(Lookup::Absent)
    }

    /// Returns the delete of each deleted ICP in `scope`, the newest first, with documents.
    ///
    /// The cost MUST depend on the number of deleted ICPs in scope and on the limit, not on the number of all deleted
    /// ICPs. Memory MUST be bounded by [`HistoryQuery::max_bytes`].
    async fn deleted(
        &self,
        _scope: &AccessScope,
        _query: &HistoryQuery,
    ) -> Result<HistoryPage, RepositoryError> {
        Ok(HistoryPage::default())
    }

    /// Restores a deleted ICP, whose delete has the version `deleted`, with the new document of `change`. The ICP is
    /// then no longer among the deleted ICPs, and gets a higher version.
    ///
    /// An implementation MUST change nothing and return [`Replacement::OtherVersion`] if the ICP exists, or if its last
    /// delete does not have the version `deleted`. It MAY do the same while another caller writes the ICP. It MUST
    /// change nothing and return [`Replacement::QuotaReached`] if the creator of the ICP would then have more ICPs or
    /// bytes than `quota` allows. The same applies if an ICP without a creator would exceed the bytes of `quota`
    /// together with its history. [`Stamp::keeps_replaced`] has no effect, because no state is replaced.
    async fn undelete(
        &self,
        _change: &IcpChange,
        _deleted: Version,
        _quota: Quota,
        _stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        Ok(Replacement::OtherVersion)
    }

    /// Removes some of the revisions that were replaced before a time, and returns their number. The caller repeats the
    /// call until the result is 0. A delete counts as replaced at the time of the deletion, like the deleted state. An
    /// implementation MUST NOT remove the current state of an ICP.
    async fn remove_old_revisions(&self, _replaced_before: Timestamp) -> Result<u64, RepositoryError> {
        Ok(0)
    }
}

/// The time and the author of a change, and whether the history stores the replaced state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The time of the change.
    pub at: Timestamp,
    /// The author of the change.
    pub author: Author,
    /// True if the history stores the state that the change replaces and, for a deletion, also the delete. If false,
    /// the replaced state is missing from the history.
    pub keeps_replaced: bool,
}

/// A query for revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only revisions after this position. `None` starts with the newest revision.
    pub after: Option<HistoryCursor>,
    /// Only revisions that were replaced at or after this time, and the current state.
    pub since: Timestamp,
    /// Maximum number of revisions.
    pub limit: NonZeroUsize,
    /// The page ends after the document that brings the total length in bytes to this limit or above. If any revision
    /// matches, the page has at least one revision.
    pub max_bytes: NonZeroUsize,
}

/// A position in a history, or among the deleted ICPs. Both are sorted by version and then by ID, the highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryCursor {
    /// The version.
    pub version: Version,
    /// The ID of the ICP. It has no meaning in the history of one ICP.
    pub id: IcpId,
}

/// A part of a history, or of the deleted ICPs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// The revisions, the newest first.
    pub revisions: Vec<Revision>,
    /// True if more revisions follow.
    pub has_more: bool,
}

/// A state of an ICP, and the change that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The ID of the ICP.
    pub id: IcpId,
    /// The version of the state. A delete has a separate version, above that of the deleted state.
    pub version: Version,
    /// The time of the change.
    pub at: Timestamp,
    /// The author of the change.
    pub author: Author,
    /// The kind of the change.
    pub operation: Operation,
    /// The changed fields. A create and a delete have none.
    pub changed: ChangedFields,
    /// The canonical text of the ICP. `None` in the results of [`IcpHistory::revisions`]. A delete has the text of the
    /// deleted state, or `None` if this state has been removed from the history.
    pub json: Option<String>,
}

impl Revision {
    /// Returns the position of this revision.
    pub fn cursor(&self) -> HistoryCursor {
        HistoryCursor { version: self.version, id: self.id }
    }
}
