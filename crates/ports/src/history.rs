use std::num::NonZeroUsize;

use async_trait::async_trait;
use icp_domain::{AccessScope, Author, ChangedFields, IcpChange, IcpId, Operation, Timestamp};

use crate::{Lookup, Quota, Replacement, RepositoryError, Version};

/// The histories of ICPs: the states that changes replaced. [`crate::IcpRepository`] writes them, in the write itself.
///
/// The defaults fit a storage that keeps no history.
///
/// # Errors
///
/// As in [`crate::IcpReader`].
#[async_trait]
pub trait IcpHistory: Send + Sync {
    /// Returns the revisions of an ICP, the newest first and without documents, if the ICP is in `scope`.
    ///
    /// The first one is the current state or, while the ICP is deleted, its delete. Then come the replaced states that are not
    /// older than [`HistoryQuery::since`]. A deleted ICP is in the scope that includes the `userIds` that it had then. It is
    /// [`Lookup::Absent`] if it was deleted before `since`.
    async fn revisions(
        &self,
        _id: IcpId,
        _scope: &AccessScope,
        _query: &HistoryQuery,
    ) -> Result<Lookup<HistoryPage>, RepositoryError> {
        Ok(Lookup::Absent)
    }

    /// Returns one revision with its document, by the rules of [`IcpHistory::revisions`]. `Found(None)` if the ICP is in
    /// `scope` and has no such revision.
    async fn revision(
        &self,
        _id: IcpId,
        _version: Version,
        _scope: &AccessScope,
        _since: Timestamp,
    ) -> Result<Lookup<Option<Revision>>, RepositoryError> {
        Ok(Lookup::Absent)
    }

    /// Returns the deletes of those ICPs in `scope` that are deleted, the newest first, with documents.
    ///
    /// The cost MUST depend on the number of deleted ICPs in scope and on the limit, not on the number of all deleted ICPs.
    /// Memory MUST be bounded by [`HistoryQuery::max_bytes`].
    async fn deleted(
        &self,
        _scope: &AccessScope,
        _query: &HistoryQuery,
    ) -> Result<HistoryPage, RepositoryError> {
        Ok(HistoryPage::default())
    }

    /// Brings a deleted ICP back, whose delete has the version `deleted`, with the new document of `change`, and ends its place
    /// among the deleted ICPs. Its history goes on at a higher version.
    ///
    /// It MUST change nothing and return [`Replacement::OtherVersion`] if the ICP exists, was deleted again since, or is being
    /// written by another caller. It MUST change nothing when the creator of the ICP would then exceed `quota`.
    async fn undelete(
        &self,
        _change: &IcpChange,
        _deleted: Version,
        _quota: Quota,
        _stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        Ok(Replacement::OtherVersion)
    }

    /// Removes some of the revisions that were replaced before a time, and returns how many. The caller calls again until it
    /// returns 0. A delete counts as replaced when it was made, so that it is removed with the state that it deleted. It MUST
    /// NOT remove the current state of an ICP.
    async fn remove_old_revisions(&self, _replaced_before: Timestamp) -> Result<u64, RepositoryError> {
        Ok(0)
    }
}

/// Who makes a change and when, and whether the history keeps what it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The time of the change.
    pub at: Timestamp,
    /// Who makes it.
    pub author: Author,
    /// Whether the replaced state becomes a revision. If not, the history has a gap.
    pub keeps_replaced: bool,
}

/// Which revisions are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only revisions after this position. `None`: from the newest.
    pub after: Option<HistoryCursor>,
    /// Only revisions that were replaced at or after this time, and the current state.
    pub since: Timestamp,
    /// The largest number of revisions.
    pub limit: NonZeroUsize,
    /// The page ends with the document that reaches this length of all, in bytes: never without any.
    pub max_bytes: NonZeroUsize,
}

/// A position in a history, or among the deleted ICPs. The order is descending by version, then by ID.
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
    /// Whether more follow.
    pub has_more: bool,
}

/// A state of an ICP, and the change that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The ID of the ICP.
    pub id: IcpId,
    /// The version of the state. A delete has a version of its own, above that of the state that it deleted.
    pub version: Version,
    /// The time of the change.
    pub at: Timestamp,
    /// Who made the change.
    pub author: Author,
    /// What the change did.
    pub operation: Operation,
    /// The fields that the change changed. None for a create and a delete.
    pub changed: ChangedFields,
    /// The canonical text, where documents are read. That of a delete is the state that it deleted.
    pub json: Option<String>,
}

impl Revision {
    /// Returns the position of this revision.
    pub fn cursor(&self) -> HistoryCursor {
        HistoryCursor { version: self.version, id: self.id }
    }
}
