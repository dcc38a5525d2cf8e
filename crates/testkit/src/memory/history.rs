use std::convert::Infallible;

use async_trait::async_trait;
use icp_domain::{AccessScope, ChangedFields, IcpChange, IcpDocument, IcpId, Operation, Timestamp, UserId};
use icp_ports::{
    HistoryPage, HistoryQuery, IcpHistory, Lookup, Quota, Replacement, RepositoryError, Revision, Stamp,
    Version,
};
use icp_storage::history_page;

use super::forget::forget_author;
use super::{InMemoryDatabase, State};

/// A replaced state of an ICP, or a delete.
#[derive(Clone, Debug)]
pub(super) struct HistoryEntry {
    revision: Revision,
    /// The time at which the state was replaced, or the time of the delete.
    replaced_at: Timestamp,
    /// The deleted ICP, or `None` for a replaced state.
    deleted: Option<Deleted>,
}

/// A deleted ICP.
#[derive(Clone, Debug)]
struct Deleted {
    user_ids: Vec<UserId>,
    creator: Option<UserId>,
}

impl HistoryEntry {
    /// Removes a user from the entry.
    pub(super) fn forget(&mut self, user_id: &UserId) {
        forget_author(&mut self.revision, user_id);
        if let Some(deleted) = &mut self.deleted {
            deleted.user_ids.retain(|other| other != user_id);
            deleted.creator.take_if(|creator| creator == user_id);
        }
    }
}

#[async_trait]
impl IcpHistory for InMemoryDatabase {
    async fn revisions(
        &self,
        id: IcpId,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<Lookup<HistoryPage>, RepositoryError> {
        let found = self.read(|state| Lookup::of(state.history_of(id, scope, query.since)));
        Ok(found.map(|revisions| {
            let is_after =
                |revision: &Revision| query.after.is_none_or(|after| revision.version < after.version);
            let revisions = revisions.into_iter().filter(is_after);
            to_page(revisions.map(|revision| Revision { json: None, ..revision }), query)
        }))
    }

    async fn revision(
        &self,
        id: IcpId,
        version: Version,
        scope: &AccessScope,
        since: Timestamp,
    ) -> Result<Lookup<Option<Revision>>, RepositoryError> {
        let found = self.read(|state| Lookup::of(state.history_of(id, scope, since)));
        Ok(found.map(|revisions| revisions.into_iter().find(|revision| revision.version == version)))
    }

    async fn deleted(
        &self,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, RepositoryError> {
        Ok(self.read(|state| {
            let deletes = state.history.keys().filter_map(|id| state.delete_of(*id, query.since));
            let deletes = deletes.filter(|(_, deleted)| scope.includes(&deleted.user_ids));
            let is_after = |revision: &&Revision| query.after.is_none_or(|after| revision.cursor() < after);
            let mut revisions: Vec<_> =
                deletes.map(|(revision, _)| revision).filter(is_after).cloned().collect();
            revisions.sort_by_key(|revision| std::cmp::Reverse(revision.cursor()));
            to_page(revisions, query)
        }))
    }

    async fn undelete(
        &self,
        change: &IcpChange,
        deleted: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        Ok(self.write(|state| state.undelete(change, deleted, quota, stamp)))
    }

    async fn remove_old_revisions(&self, replaced_before: Timestamp) -> Result<u64, RepositoryError> {
        Ok(self.write(|state| {
            let mut removed = 0;
            for entries in state.history.values_mut() {
                let before = entries.len();
                entries.retain(|entry| entry.replaced_at >= replaced_before);
                removed += (before - entries.len()) as u64;
            }
            state.history.retain(|_, entries| !entries.is_empty());
            removed
        }))
    }
}

/// Returns the page of `query` that starts with the first of `revisions`.
fn to_page(revisions: impl IntoIterator<Item = Revision>, query: &HistoryQuery) -> HistoryPage {
    let Ok(page) = history_page::<Infallible>(revisions.into_iter().map(Ok), query);
    page
}

impl State {
    /// Returns whether the ICP is in the scope, and the revisions of the ICP, newest first. The revisions are the
    /// current state, unless the ICP is deleted, and the entries of the history with `replaced_at` at or after `since`.
    /// Returns `None` if the ICP does not exist and was not deleted at or after `since`.
    fn history_of(&self, id: IcpId, scope: &AccessScope, since: Timestamp) -> Option<(bool, Vec<Revision>)> {
        let current = self.icps.get(&id).map(|(document, version)| {
            (scope.includes(document.user_ids()), Some(self.current(id, document, *version)))
        });
        let deleted = || {
            let (_, deleted) = self.delete_of(id, since)?;
            Some((scope.includes(&deleted.user_ids), None))
        };
        let (is_in_scope, current) = current.or_else(deleted)?;
        let replaced = self.history.get(&id).into_iter().flatten().rev();
        let replaced = replaced.filter(|replaced| replaced.replaced_at >= since);
        let revisions = replaced.map(|replaced| replaced.revision.clone());
        Some((is_in_scope, current.into_iter().chain(revisions).collect()))
    }

    /// Returns the last delete of a deleted ICP, or `None` if the ICP is not deleted or was deleted before `since`.
    fn delete_of(&self, id: IcpId, since: Timestamp) -> Option<(&Revision, &Deleted)> {
        let last = self.history.get(&id)?.last().filter(|last| last.replaced_at >= since)?;
        let is_deleted = !self.icps.contains_key(&id);
        is_deleted.then_some((&last.revision, last.deleted.as_ref()?))
    }

    fn current(&self, id: IcpId, document: &IcpDocument, version: Version) -> Revision {
        let json = Some(document.json().to_owned());
        match self.changes.get(&id) {
            Some(change) => Revision { version, json, ..change.clone() },
            None => unreachable!("every ICP must have the change that created its current state"),
        }
    }

    /// Stores the last change of an ICP.
    pub(super) fn record(
        &mut self,
        id: IcpId,
        stamp: &Stamp,
        operation: Operation,
        changed: &ChangedFields,
    ) -> &Revision {
        let (at, author, changed) = (stamp.at, stamp.author.clone(), changed.clone());
        let change = Revision { id, version: Version(0), at, author, operation, changed, json: None };
        self.changes.entry(id).insert_entry(change).into_mut()
    }

    /// Stores the current state of an ICP as a revision, if [`Stamp::keeps_replaced`] is true.
    pub(super) fn store_replaced(&mut self, id: IcpId, stamp: &Stamp) {
        if let Some((document, version)) = self.icps.get(&id).filter(|_| stamp.keeps_replaced) {
            let revision = self.current(id, document, *version);
            let replaced = HistoryEntry { revision, replaced_at: stamp.at, deleted: None };
            self.history.entry(id).or_default().push(replaced);
        }
    }

    /// Deletes an ICP, which must exist.
    pub(super) fn delete(&mut self, id: IcpId, stamp: &Stamp) {
        self.store_replaced(id, stamp);
        let (Some((document, _)), creator) = (self.icps.remove(&id), self.creators.remove(&id)) else {
            return;
        };
        if !stamp.keeps_replaced {
            return;
        }
        self.last_version += 1;
        let version = Version(self.last_version);
        let change = self.record(id, stamp, Operation::Delete, &ChangedFields::default()).clone();
        let revision = Revision { version, json: Some(document.json().to_owned()), ..change };
        let deleted = Deleted { user_ids: document.user_ids().to_vec(), creator };
        let replaced = HistoryEntry { revision, replaced_at: stamp.at, deleted: Some(deleted) };
        self.history.entry(id).or_default().push(replaced);
    }

    fn undelete(&mut self, change: &IcpChange, deleted: Version, quota: Quota, stamp: &Stamp) -> Replacement {
        let id = change.id();
        let last = self.delete_of(id, Timestamp::MIN).filter(|(revision, _)| revision.version == deleted);
        let Some((_, Deleted { creator, .. })) = last.map(|(revision, last)| (revision, last.clone())) else {
            return Replacement::OtherVersion;
        };
        let length = change.document().json().len() as u64;
        let is_allowed = creator.as_ref().map_or_else(
            || self.history_bytes(id) + length <= quota.bytes,
            |creator| {
                let usage = self.usage(creator);
                usage.icps < quota.icps && usage.bytes + length <= quota.bytes
            },
        );
        if !is_allowed {
            return Replacement::QuotaReached;
        }
        if let Some(creator) = creator {
            self.creators.insert(id, creator);
        }
        self.record(id, stamp, change.operation(), change.changed());
        Replacement::Replaced(self.put(change.document().clone()))
    }

    /// Returns the bytes of the replaced states of an ICP.
    pub(super) fn history_bytes(&self, id: IcpId) -> u64 {
        let replaced = self.history.get(&id).into_iter().flatten();
        let replaced = replaced.filter(|replaced| replaced.deleted.is_none());
        replaced.map(|replaced| replaced.revision.json.as_ref().map_or(0, String::len) as u64).sum()
    }

    /// Returns, for each deleted ICP of a creator, the bytes of its history.
    pub(super) fn deleted_by_creator<'a>(&'a self, user_id: &'a UserId) -> impl Iterator<Item = u64> + 'a {
        let is_own = |(_, deleted): (&Revision, &Deleted)| deleted.creator.as_ref() == Some(user_id);
        let own =
            self.history.keys().filter(move |id| self.delete_of(**id, Timestamp::MIN).is_some_and(is_own));
        own.map(|id| self.history_bytes(*id))
    }
}
