use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::Arc;

use icp_domain::{AccessScope, IcpChange, IcpDocument, Timestamp};
use icp_ports::{
    ForgetPart, ForgetUser, HistoryPage, HistoryQuery, IcpRepository, ImportExport, Lookup, OnConflict,
    Quota, Replacement, Revision, Stamp, Version,
};

use crate::contract::Subject;
use crate::contract::import_export::Batches;
use crate::contract::repository::support::{TestRepository, admin, change, retry_overloaded};
use crate::fixtures::{id, stamp, user};

/// The ports of a subject. Clones share them.
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

/// Returns a time in 2024, this number of seconds after the first.
pub(super) fn second(number: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_706_000_000_000 + number * 1_000).expect("a time")
}

/// A change by `user_ada` at a time.
pub(in crate::contract) fn at(number: i64) -> Stamp {
    stamp("user_ada", second(number))
}

/// The query for all revisions.
pub(in crate::contract) fn all() -> HistoryQuery {
    query(1_000)
}

pub(super) fn query(limit: usize) -> HistoryQuery {
    let limit = NonZeroUsize::new(limit).expect("not zero");
    HistoryQuery { after: None, since: Timestamp::MIN, limit, max_bytes: NonZeroUsize::MAX }
}

impl TestHistory {
    pub(super) fn repository(&self) -> TestRepository {
        self.repository.clone()
    }

    /// Changes an ICP, which must be at that version.
    pub(super) async fn edit(
        &self,
        before: &IcpDocument,
        after: &IcpDocument,
        expected: Version,
        stamp: &Stamp,
    ) -> Version {
        match self.try_edit(&change(before, after), expected, stamp).await {
            Replacement::Replaced(version) => version,
            other => panic!("it is at that version: {other:?}"),
        }
    }

    pub(super) async fn try_edit(&self, change: &IcpChange, expected: Version, stamp: &Stamp) -> Replacement {
        let replace = || self.replace(change, expected, Quota::UNLIMITED, stamp);
        retry_overloaded(replace).await.expect("replace failed")
    }

    /// Deletes an ICP, which must be at that version. Returns the version of the delete.
    pub(super) async fn erase(&self, number: u128, expected: Version, stamp: &Stamp) -> Version {
        let deleted =
            retry_overloaded(|| self.delete(id(number), expected, stamp)).await.expect("delete failed");
        assert!(deleted, "it is at that version");
        self.history(number).await.first().expect("the delete is a revision").version
    }

    /// Restores a deleted ICP to the state `earlier`.
    pub(super) async fn bring_back(
        &self,
        last: &IcpDocument,
        earlier: &IcpDocument,
        deleted: Version,
        quota: Quota,
    ) -> Replacement {
        let (change, stamp) = (undeleting(last, earlier), at(1_000));
        let undelete = || self.undelete(&change, deleted, quota, &stamp);
        retry_overloaded(undelete).await.expect("undelete failed")
    }

    pub(super) async fn page(
        &self,
        number: u128,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Lookup<HistoryPage> {
        retry_overloaded(|| self.revisions(id(number), scope, query)).await.expect("revisions failed")
    }

    /// Returns the complete history of an ICP, or nothing if there is none.
    pub(super) async fn history(&self, number: u128) -> Vec<Revision> {
        match self.page(number, &admin(), &all()).await {
            Lookup::Found(page) => page.revisions,
            Lookup::Absent => Vec::new(),
            Lookup::Forbidden => panic!("an admin may read every history"),
        }
    }

    /// Returns the text of a revision.
    pub(super) async fn text(&self, number: u128, version: Version) -> Option<String> {
        match self.look_at(number, version, &admin(), Timestamp::MIN).await {
            Lookup::Found(revision) => Some(revision?.json.expect("must have a document")),
            _ => None,
        }
    }

    pub(super) async fn look_at(
        &self,
        number: u128,
        version: Version,
        scope: &AccessScope,
        since: Timestamp,
    ) -> Lookup<Option<Revision>> {
        let read = || self.revision(id(number), version, scope, since);
        retry_overloaded(read).await.expect("revision failed")
    }

    pub(super) async fn deletes(&self, scope: &AccessScope, query: &HistoryQuery) -> HistoryPage {
        retry_overloaded(|| self.deleted(scope, query)).await.expect("deleted failed")
    }

    /// Returns the IDs of the deleted ICPs, the newest first.
    pub(super) async fn deleted_ids(&self, scope: &AccessScope) -> Vec<icp_domain::IcpId> {
        self.deletes(scope, &all()).await.revisions.iter().map(|revision| revision.id).collect()
    }

    /// Removes all revisions that were replaced before a time, and returns their number.
    pub(super) async fn clean(&self, before: Timestamp) -> u64 {
        let mut sum = 0;
        loop {
            let removed = retry_overloaded(|| self.remove_old_revisions(before)).await.expect("must remove");
            sum += removed;
            if removed == 0 {
                return sum;
            }
        }
    }

    /// Removes a user from all histories. Returns the number of parts.
    pub(super) async fn forget_everywhere(&self, user_id: &str) -> usize {
        let (user_id, mut part, mut parts) = (user(user_id), Some(ForgetPart::FIRST), 0);
        while let Some(next) = part {
            part = retry_overloaded(|| self.forget_user.forget(&user_id, next)).await.expect("forget failed");
            parts += 1;
        }
        parts
    }

    pub(super) async fn count_rows(&self) -> u64 {
        retry_overloaded(|| self.forget_user.count_rows()).await.expect("count_rows failed")
    }

    pub(super) async fn import(
        &self,
        documents: impl IntoIterator<Item = IcpDocument>,
        keeps_replaced: bool,
    ) {
        let mut source = Batches::of(documents);
        let imported = self.importer.import(&mut source, OnConflict::Replace, keeps_replaced).await;
        imported.expect("import failed");
    }
}

pub(in crate::contract) fn undeleting(last: &IcpDocument, earlier: &IcpDocument) -> IcpChange {
    let [last, earlier] = [last, earlier].map(|document| document.to_icp().expect("a fixture is an ICP"));
    IcpChange::undeleting(&last, &earlier, second(1_000))
}

#[track_caller]
pub(super) fn assert_replaced(replacement: Replacement) -> Version {
    match replacement {
        Replacement::Replaced(version) => version,
        other => panic!("it must be replaced: {other:?}"),
    }
}
