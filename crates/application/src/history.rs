use std::num::NonZeroUsize;
use std::sync::Arc;

use icp_domain::{Caller, Icp, IcpChange, IcpId, IcpRestore, Operation, Rules, Timestamp};
use icp_ports::{HistoryCursor, HistoryPage, HistoryQuery, Revision, Stamp, StoredIcp, Version};

use crate::cpu::{CPU_THREADS, MAX_INLINE_TEXT_BYTES};
use crate::cursor::HistoryCursorCodec;
use crate::service::{found_in_scope, parse_for};
use crate::update::Edit;
use crate::{IcpService, Preconditions, ServiceError};

/// The time for which the history keeps replaced states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The number of days. 0 turns the history off.
    pub days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 30 }
    }
}

impl Retention {
    const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

    /// Returns the time since which replaced states are kept, or `None` if the history is off.
    fn since(self, now: Timestamp) -> Option<Timestamp> {
        let millis = i64::from(self.days) * Self::DAY_MILLIS;
        let since = || Timestamp::from_unix_millis(now.unix_millis() - millis).unwrap_or(Timestamp::MIN);
        (self.days > 0).then(since)
    }
}

/// The parameters of a page of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRequest {
    /// Maximum number of revisions.
    pub limit: NonZeroUsize,
    /// The cursor that an earlier page returned.
    pub cursor: Option<String>,
}

impl HistoryRequest {
    /// Default of the maximum number of revisions in a page.
    pub const DEFAULT_LIMIT: NonZeroUsize = NonZeroUsize::new(100).unwrap();
}

impl Default for HistoryRequest {
    fn default() -> Self {
        Self { limit: Self::DEFAULT_LIMIT, cursor: None }
    }
}

/// A page of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryResponse {
    /// The revisions, the newest first.
    pub revisions: Vec<Revision>,
    /// The cursor of the next page, if there is one.
    pub cursor: Option<String>,
}

impl IcpService {
    /// Returns the revisions of an ICP, the newest first, without documents.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`], [`ServiceError::HistoryDisabled`], [`ServiceError::Forbidden`],
    /// [`ServiceError::InvalidCursor`], or a failure of the storage.
    pub async fn revisions(
        &self,
        caller: &Caller,
        id: IcpId,
        request: &HistoryRequest,
    ) -> Result<HistoryResponse, ServiceError> {
        let codec = HistoryCursorCodec::new(caller, Some(id));
        let query = self.history_query(&codec, request)?;
        let found = self.repository.revisions(id, &caller.access_scope(), &query).await?;
        Ok(history_response(&codec, found_in_scope(found)?))
    }

    /// Returns one revision with its document.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`], [`ServiceError::NoRevision`], [`ServiceError::HistoryDisabled`],
    /// [`ServiceError::Forbidden`], or a failure of the storage.
    pub async fn revision(
        &self,
        caller: &Caller,
        id: IcpId,
        version: Version,
    ) -> Result<Revision, ServiceError> {
        let since = self.history_since()?;
        let found = self.repository.revision(id, version, &caller.access_scope(), since).await?;
        found_in_scope(found)?.ok_or(ServiceError::NoRevision)
    }

    /// Returns the deletes of the deleted ICPs that the caller may access, the newest first, with the deleted
    /// documents. The access rule applies to the `userIds` at the deletion. A page ends before its limit if the
    /// documents fill the response buffer.
    ///
    /// # Errors
    ///
    /// [`ServiceError::HistoryDisabled`], [`ServiceError::InvalidCursor`], or a failure of the storage.
    pub async fn deleted(
        &self,
        caller: &Caller,
        request: &HistoryRequest,
    ) -> Result<HistoryResponse, ServiceError> {
        let codec = HistoryCursorCodec::new(caller, None);
        let query = self.history_query(&codec, request)?;
        Ok(history_response(&codec, self.repository.deleted(&caller.access_scope(), &query).await?))
    }

    /// Restores the revision that a request body names, and returns the ICP. Its users do not change. A deleted ICP
    /// gets the users that it had at its deletion.
    ///
    /// The preconditions apply to the current state. A deleted ICP has no current state, so `If-Match` is false for it,
    /// and `If-None-Match` is true.
    ///
    /// # Errors
    ///
    /// The errors of [`IcpService::update`] and [`IcpService::revision`].
    pub async fn restore(
        &self,
        caller: &Caller,
        id: IcpId,
        body: Arc<str>,
        preconditions: &Preconditions<Version>,
    ) -> Result<StoredIcp, ServiceError> {
        self.history_since()?;
        let IcpRestore { revision } = parse_for(caller, body, IcpRestore::from_json).await??;
        let earlier = document_of(self.revision(caller, id, Version(revision)).await?)?.into();
        self.edit(caller, id, Edit::Restore(earlier), preconditions).await
    }

    /// Removes the revisions that were replaced longer ago than the retention, and returns their number. If the history
    /// is off, removes all revisions.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub async fn remove_old_revisions(&self) -> Result<u64, ServiceError> {
        let now = self.clock.now();
        let replaced_before = self.retention.since(now).unwrap_or(Timestamp::MAX);
        let mut removed = 0;
        loop {
            match self.repository.remove_old_revisions(replaced_before).await? {
                0 => return Ok(removed),
                count => removed += count,
            }
        }
    }

    /// Returns the stamp of a change by the caller at the current time.
    pub(crate) fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp { at: self.clock.now(), author: caller.author(), keeps_replaced: self.retention.days > 0 }
    }

    /// Restores a deleted ICP. Returns `None` if another request has restored it, deleted it again or is writing it.
    pub(crate) async fn try_undelete(
        &self,
        caller: &Caller,
        id: IcpId,
        earlier: &Arc<str>,
        preconditions: &Preconditions<Version>,
    ) -> Result<Option<StoredIcp>, ServiceError> {
        if preconditions.if_match.is_some() {
            return Err(ServiceError::PreconditionFailed);
        }
        // The access was checked at the version of this delete. The write fails if the ICP is at another version.
        let Some(delete) = self.last_delete(caller, id).await? else { return Ok(None) };
        let deleted = delete.version;
        let (quota, stamp) = (self.limits.quota, self.stamp(caller));
        let change =
            self.undelete_change(caller, document_of(delete)?, Arc::clone(earlier), stamp.at).await?;
        self.icp_after_write(self.repository.undelete(&change, deleted, quota, &stamp).await?, change)
    }

    /// Returns the delete of a deleted ICP, or `None` if the ICP exists.
    async fn last_delete(&self, caller: &Caller, id: IcpId) -> Result<Option<Revision>, ServiceError> {
        let newest = HistoryRequest { limit: NonZeroUsize::MIN, cursor: None };
        let newest = self.revisions(caller, id, &newest).await?.revisions.pop();
        match newest.filter(|newest| newest.operation == Operation::Delete) {
            Some(delete) => self.revision(caller, id, delete.version).await.map(Some),
            None => Ok(None),
        }
    }

    async fn undelete_change(
        &self,
        caller: &Caller,
        last: String,
        earlier: Arc<str>,
        now: Timestamp,
    ) -> Result<IcpChange, ServiceError> {
        let is_large = last.len().max(earlier.len()) > MAX_INLINE_TEXT_BYTES;
        let undeleting = move || {
            let [last, earlier] = [&last, &*earlier].map(|text| Icp::from_json(text, Rules::Stored));
            Ok(IcpChange::undeleting(&last?, &earlier?, now))
        };
        let change = CPU_THREADS.run(caller.user_id(), is_large, undeleting).await?;
        change.map_err(ServiceError::Unreadable)
    }

    /// Returns the time since which replaced states are kept. Fails with [`ServiceError::HistoryDisabled`].
    fn history_since(&self) -> Result<Timestamp, ServiceError> {
        self.retention.since(self.clock.now()).ok_or(ServiceError::HistoryDisabled)
    }

    fn history_query(
        &self,
        codec: &HistoryCursorCodec,
        request: &HistoryRequest,
    ) -> Result<HistoryQuery, ServiceError> {
        let since = self.history_since()?;
        let decode = |cursor: &String| codec.decode(cursor).ok_or(ServiceError::InvalidCursor);
        Ok(HistoryQuery {
            after: request.cursor.as_ref().map(decode).transpose()?,
            since,
            limit: request.limit,
            max_bytes: self.response_buffer,
        })
    }
}

fn history_response(codec: &HistoryCursorCodec, page: HistoryPage) -> HistoryResponse {
    let last: Option<HistoryCursor> = page.revisions.last().filter(|_| page.has_more).map(Revision::cursor);
    HistoryResponse { cursor: last.map(|last| codec.encode(last)), revisions: page.revisions }
}

/// Returns the document of a revision. A delete has no document if the deleted state has been removed from the history.
fn document_of(revision: Revision) -> Result<String, ServiceError> {
    revision.json.ok_or(ServiceError::NoRevision)
}
