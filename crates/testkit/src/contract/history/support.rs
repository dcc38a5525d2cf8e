use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::Arc;

use icp_domain::{AccessScope, Caller, IcpChange, IcpDocument, Source, Timestamp};
use icp_ports::{
    ForgetPart, ForgetUser, HistoryPage, HistoryQuery, IcpRepository, ImportExport, Lookup, OnConflict,
    Quota, Replacement, Revision, Stamp, Version,
};

use crate::contract::Subject;
use crate::contract::import_export::TestSource;
use crate::contract::repository::support::{TestRepository, admin_scope, change, retry_overloaded};
use crate::fixtures::{id, stamp, user};

/// The ports of a subject. All clones use the same storage.
#[derive(Clone)]
pub(super) struct TestHistory {
    importer: Arc<dyn ImportExport>,
    forget_user: Arc<dyn ForgetUser>,
    repository: TestRepository,
}

impl<R: IcpRepository + ImportExport + ForgetUser + 'static> From<Subject<R>> for TestHistory {
    fn from(subject: Subject<R>) -> Self {
        let (importer, forget_user) = (subject.first.clone(), subject.first.clone());
        Self { importer, forget_user, repository: subject.into() }
    }
}

impl Deref for TestHistory {
    type Target = TestRepository;

    fn deref(&self) -> &Self::Target {
        &self.repository
    }
}

/// Returns a time in 2024, `number` seconds after a fixed time.
pub(super) fn time_at(number: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_706_000_000_000 + number * 1_000).expect("the time must be valid")
}

/// Returns the stamp of a change by `user_ada` at [`time_at`]`(number)`.
pub(in crate::contract) fn stamp_at(number: i64) -> Stamp {
    stamp("user_ada", time_at(number))
}

/// Returns the query for all revisions.
pub(in crate::contract) fn all_revisions_query() -> HistoryQuery {
    query_with_limit(1_000)
}

pub(super) fn query_with_limit(limit: usize) -> HistoryQuery {
    let limit = NonZeroUsize::new(limit).expect("the number must not be zero");
    HistoryQuery { after: None, since: Timestamp::MIN, limit, max_bytes: NonZeroUsize::MAX }
}

impl TestHistory {
    pub(super) fn repository(&self) -> TestRepository {
        self.repository.clone()
    }

    /// Changes an ICP, which must have the version `expected`.
    pub(super) async fn edit(
        &self,
        before: &IcpDocument,
        after: &IcpDocument,
        expected: Version,
        stamp: &Stamp,
    ) -> Version {
        match self.try_edit(&change(before, after), expected, stamp).await {
            Replacement::Replaced(version) => version,
            other => panic!("the ICP must have the expected version: {other:?}"),
        }
    }

    pub(super) async fn try_edit(&self, change: &IcpChange, expected: Version, stamp: &Stamp) -> Replacement {
        let replace = || self.replace(change, expected, Quota::UNLIMITED, stamp);
        retry_overloaded(replace).await.expect("replace failed")
    }

    /// Deletes an ICP, which must have the version `expected`. Returns the version of the delete.
    pub(super) async fn erase(&self, number: u128, expected: Version, stamp: &Stamp) -> Version {
        let deleted =
            retry_overloaded(|| self.delete(id(number), expected, stamp)).await.expect("delete failed");
        assert!(deleted, "the ICP must have the expected version");
        self.all_revisions(number).await.first().expect("the delete must be a revision").version
    }

    /// Restores a deleted ICP to the state `earlier`. `last` is the state of the ICP before the delete.
    pub(super) async fn undelete_to(
        &self,
        last: &IcpDocument,
        earlier: &IcpDocument,
        deleted: Version,
        quota: Quota,
    ) -> Replacement {
        let (change, stamp) = (undelete_change(last, earlier), undelete_stamp());
        let undelete = || self.undelete(&change, deleted, quota, &stamp);
        retry_overloaded(undelete).await.expect("undelete failed")
    }

    pub(super) async fn read_page(
        &self,
        number: u128,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Lookup<HistoryPage> {
        retry_overloaded(|| self.revisions(id(number), scope, query)).await.expect("revisions failed")
    }

    /// Returns the complete history of an ICP, newest first. Returns an empty list if the ICP has no history.
    pub(super) async fn all_revisions(&self, number: u128) -> Vec<Revision> {
        match self.read_page(number, &admin_scope(), &all_revisions_query()).await {
            Lookup::Found(page) => page.revisions,
            Lookup::Absent => Vec::new(),
            Lookup::Forbidden => panic!("an admin must be allowed to read every history"),
        }
    }

    /// Returns the document of a revision, or `None` if there is no such revision.
    pub(super) async fn revision_text(&self, number: u128, version: Version) -> Option<String> {
        match self.read_revision(number, version, &admin_scope(), Timestamp::MIN).await {
            Lookup::Found(revision) => Some(revision?.json.expect("the revision must have a document")),
            _ => None,
        }
    }

    pub(super) async fn read_revision(
        &self,
        number: u128,
        version: Version,
        scope: &AccessScope,
        since: Timestamp,
    ) -> Lookup<Option<Revision>> {
        let read = || self.revision(id(number), version, scope, since);
        retry_overloaded(read).await.expect("revision failed")
    }

    pub(super) async fn read_deletes(&self, scope: &AccessScope, query: &HistoryQuery) -> HistoryPage {
        retry_overloaded(|| self.deleted(scope, query)).await.expect("deleted failed")
    }

    /// Returns the IDs of the deleted ICPs, in the order of their deletes, newest first.
    pub(super) async fn deleted_ids(&self, scope: &AccessScope) -> Vec<icp_domain::IcpId> {
        self.read_deletes(scope, &all_revisions_query())
            .await
            .revisions
            .iter()
            .map(|revision| revision.id)
            .collect()
    }

    /// Removes all revisions that were replaced before a time, and returns their number.
    pub(super) async fn remove_revisions_before(&self, before: Timestamp) -> u64 {
        let mut sum = 0;
        loop {
            let removed = retry_overloaded(|| self.remove_old_revisions(before))
                .await
                .expect("the revisions must be removed");
            sum += removed;
            if removed == 0 {
                return sum;
            }
        }
    }

    /// Calls [`ForgetUser::forget`] for every part of the stored data.
    pub(super) async fn forget_in_all_parts(&self, user_id: &str) {
        let (user_id, mut part) = (user(user_id), Some(ForgetPart::FIRST));
        while let Some(next) = part {
            part = retry_overloaded(|| self.forget_user.forget(&user_id, next)).await.expect("forget failed");
        }
    }

    pub(super) async fn count_rows(&self) -> u64 {
        retry_overloaded(|| self.forget_user.count_rows()).await.expect("count_rows failed")
    }

    pub(super) async fn import(
        &self,
        documents: impl IntoIterator<Item = IcpDocument>,
        keeps_replaced: bool,
    ) {
        let mut source = TestSource::of(documents);
        let imported = self.importer.import(&mut source, OnConflict::Replace, keeps_replaced).await;
        imported.expect("import failed");
    }
}

/// Returns the stamp of [`TestHistory::undelete_to`]. Its author is a user whom another person impersonates through the
/// MCP server.
pub(super) fn undelete_stamp() -> Stamp {
    let caller = Caller::impersonated(user("user_cleo"), user("user_root")).via(Source::Mcp);
    Stamp { author: caller.author(), ..stamp_at(1_001) }
}

pub(in crate::contract) fn undelete_change(last: &IcpDocument, earlier: &IcpDocument) -> IcpChange {
    let [last, earlier] =
        [last, earlier].map(|document| document.to_icp().expect("the fixture must be an ICP"));
    IcpChange::undeleting(&last, &earlier, time_at(1_000))
}

#[track_caller]
pub(super) fn assert_replaced(replacement: Replacement) -> Version {
    match replacement {
        Replacement::Replaced(version) => version,
        other => panic!("the ICP must be replaced: {other:?}"),
    }
}
