//! A repository with one defect.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId, Timestamp, UserId};
use icp_ports::{
    Conditional, Creation, Creator, ExportSink, ForgetPart, ForgetUser, Health, HealthCheck, HistoryPage,
    HistoryQuery, IcpHistory, IcpList, IcpReader, IcpRepository, IdempotencyKey, ImportExport,
    ImportExportError, ImportSource, ImportSummary, ListPart, ListQuery, ListVersion, Lookup, OnConflict,
    Quota, Replacement, RepositoryError, Revision, Stamp, StoredIcp, Version,
};
use icp_testkit::contract::Faults;
use tokio::time::sleep;

/// One violation of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    None,
    RepeatsWrites,
    NeverRecovers,
    FailsFirstReadAfterCut,
    FailsHistoryAfterCut,
    RepeatsRemovalLater,
    AnswersLate,
    ConfirmsFromMemory,
    CachesHealth,
    IgnoresMaxBytes,
    PartsSkipAnIcp,
    CutChangesVersion,
    IgnoresKeys,
    FailedInsertUsesKey,
    ReportsExistingIdAsFailure,
    IgnoresExpectedVersion,
    FailsOnU0000,
    IgnoresQuotas,
    LosesRevisions,
    ShowsHistoryToAll,
    UndeletesAnyVersion,
    RemovesNewRevisions,
    ForgetsNobody,
}

/// A repository that has `defect` and otherwise passes calls on.
pub(crate) struct Defective<R> {
    inner: R,
    defect: Defect,
    has_failed: AtomicBool,
    /// Whether a connection was cut since the last read.
    was_cut: Arc<AtomicBool>,
    health: Mutex<Option<Health>>,
    list_version: Mutex<Option<ListVersion>>,
}

impl<R: IcpRepository> Defective<R> {
    pub(crate) fn new(inner: R, defect: Defect) -> Self {
        let (health, list_version) = (Mutex::default(), Mutex::default());
        let (has_failed, was_cut) = (AtomicBool::new(false), Arc::default());
        Self { inner, defect, has_failed, was_cut, health, list_version }
    }

    /// Reports cuts of `faults` to this repository.
    pub(crate) fn observe<F: Faults>(&self, faults: F) -> Observed<F> {
        Observed { faults, was_cut: Arc::clone(&self.was_cut) }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// Changes the result of a read or write as the defect says.
    async fn spoil<T>(&self, result: Result<T, RepositoryError>) -> Result<T, RepositoryError> {
        if matches!(result, Err(RepositoryError::Unavailable(_))) {
            self.has_failed.store(true, Ordering::SeqCst);
            if self.is(Defect::AnswersLate) {
                sleep(Duration::from_secs(3)).await;
            }
        }
        if self.is(Defect::NeverRecovers) && self.has_failed.load(Ordering::SeqCst) {
            return Err(RepositoryError::Unavailable("the connection is broken".into()));
        }
        result
    }

    fn fail_after_cut(&self, defect: Defect) -> Result<(), RepositoryError> {
        let was_cut = self.was_cut.swap(false, Ordering::SeqCst);
        if was_cut && self.is(defect) {
            return Err(RepositoryError::Unavailable("the connection was lost".into()));
        }
        Ok(())
    }

    fn repeats<T>(&self, result: &Result<T, RepositoryError>) -> bool {
        self.is(Defect::RepeatsWrites) && matches!(result, Err(RepositoryError::Unavailable(_)))
    }
}

/// Faults that report cuts.
pub(crate) struct Observed<F> {
    faults: F,
    was_cut: Arc<AtomicBool>,
}

impl<F: Faults> Faults for Observed<F> {
    fn cut(&self) {
        self.was_cut.store(true, Ordering::SeqCst);
        self.faults.cut();
    }

    fn freeze(&self) {
        self.faults.freeze();
    }

    fn thaw(&self) {
        self.faults.thaw();
    }

    fn stop(&self) {
        self.faults.stop();
    }

    fn start(&self) {
        self.faults.start();
    }

    fn lose_next_answer(&self) {
        self.faults.lose_next_answer();
    }
}

#[async_trait]
impl<R: IcpRepository> IcpReader for Defective<R> {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        if self.is(Defect::FailsOnU0000) && query.scope.user_id().as_str().contains('\0') {
            return Err(RepositoryError::Backend("invalid byte sequence".into()));
        }
        self.fail_after_cut(Defect::FailsFirstReadAfterCut)?;
        let whole = ListQuery { max_bytes: None, ..query.clone() };
        let query = if self.is(Defect::IgnoresMaxBytes) { &whole } else { query };
        let mut list = self.spoil(self.inner.list(query).await).await?;
        if self.is(Defect::CutChangesVersion) && query.max_bytes.is_some() && list.next.is_some() {
            list.version = ListVersion(list.version.0 ^ 1);
        }
        *self.list_version.lock().unwrap() = Some(list.version);
        Ok(list)
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.fail_after_cut(Defect::FailsFirstReadAfterCut)?;
        self.spoil(self.inner.get(id, scope).await).await
    }

    async fn list_if_changed(
        &self,
        query: &ListQuery,
        known: &[ListVersion],
    ) -> Result<Conditional<IcpList, ListVersion>, RepositoryError> {
        let cached = *self.list_version.lock().unwrap();
        let confirmed =
            cached.filter(|version| self.is(Defect::ConfirmsFromMemory) && known.contains(version));
        if let Some(version) = confirmed {
            return Ok(Conditional::Unchanged(version));
        }
        let list = self.list(query).await?;
        Ok(Conditional::of(list.version, list, known))
    }

    async fn list_part(&self, query: &ListQuery) -> Result<ListPart, RepositoryError> {
        let IcpList { icps, next, .. } = self.list(query).await?;
        let mut part = ListPart { icps, next };
        if let Some(next) = part.next.as_mut().filter(|_| self.is(Defect::PartsSkipAnIcp)) {
            next.id = uuid::Uuid::from_u128(next.id.as_uuid().as_u128() + 1).into();
        }
        Ok(part)
    }
}

#[async_trait]
impl<R: IcpRepository> IcpRepository for Defective<R> {
    async fn insert(
        &self,
        document: &IcpDocument,
        creator: &Creator,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        let key = key.filter(|_| !self.is(Defect::IgnoresKeys));
        let without_quota = Creator { quota: Quota::UNLIMITED, ..creator.clone() };
        let creator = if self.is(Defect::IgnoresQuotas) { &without_quota } else { creator };
        let mut result = self.inner.insert(document, creator, key).await;
        if self.repeats(&result) {
            result = self.inner.insert(document, creator, key).await;
        }
        if let Err(RepositoryError::AlreadyExists(id)) = result {
            if self.is(Defect::FailedInsertUsesKey) && key.is_some() {
                let other =
                    icp_testkit::fixtures::icp(u128::MAX).created_at(&document.created_at().to_string());
                self.inner.insert(&other.document(), creator, key).await?;
            }
            if self.is(Defect::ReportsExistingIdAsFailure) {
                return Err(RepositoryError::Backend(format!("duplicate key: {id}").into()));
            }
        }
        self.spoil(result).await
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        let quota = if self.is(Defect::IgnoresQuotas) { Quota::UNLIMITED } else { quota };
        let keeps_replaced = stamp.keeps_replaced && !self.is(Defect::LosesRevisions);
        let stamp = &Stamp { keeps_replaced, ..stamp.clone() };
        let mut result = self.inner.replace(change, expected, quota, stamp).await;
        if self.repeats(&result) {
            result = self.inner.replace(change, expected, quota, stamp).await;
        }
        if self.is(Defect::IgnoresExpectedVersion)
            && matches!(result, Ok(Replacement::OtherVersion))
            && let Lookup::Found(stored) = self.inner.get(change.id(), &root()).await?
        {
            result = self.inner.replace(change, stored.version, quota, stamp).await;
        }
        self.spoil(result).await
    }

    async fn delete(&self, id: IcpId, expected: Version, stamp: &Stamp) -> Result<bool, RepositoryError> {
        let mut result = self.inner.delete(id, expected, stamp).await;
        if self.repeats(&result) {
            result = self.inner.delete(id, expected, stamp).await;
        }
        self.spoil(result).await
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.spoil(self.inner.remove_expired_keys(now).await).await
    }
}

#[async_trait]
impl<R: IcpRepository> IcpHistory for Defective<R> {
    async fn revisions(
        &self,
        id: IcpId,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<Lookup<HistoryPage>, RepositoryError> {
        let root = root();
        let scope = if self.is(Defect::ShowsHistoryToAll) { &root } else { scope };
        self.fail_after_cut(Defect::FailsHistoryAfterCut)?;
        if self.is(Defect::RepeatsRemovalLater) && self.has_failed.load(Ordering::SeqCst) {
            self.inner.remove_old_revisions(Timestamp::MAX).await?;
        }
        self.spoil(self.inner.revisions(id, scope, query).await).await
    }

    async fn revision(
        &self,
        id: IcpId,
        version: Version,
        scope: &AccessScope,
        since: Timestamp,
    ) -> Result<Lookup<Option<Revision>>, RepositoryError> {
        self.fail_after_cut(Defect::FailsHistoryAfterCut)?;
        self.spoil(self.inner.revision(id, version, scope, since).await).await
    }

    async fn deleted(
        &self,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, RepositoryError> {
        self.fail_after_cut(Defect::FailsHistoryAfterCut)?;
        self.spoil(self.inner.deleted(scope, query).await).await
    }

    async fn undelete(
        &self,
        change: &IcpChange,
        deleted: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        let quota = if self.is(Defect::IgnoresQuotas) { Quota::UNLIMITED } else { quota };
        let mut result = self.inner.undelete(change, deleted, quota, stamp).await;
        if self.repeats(&result) {
            result = self.inner.undelete(change, deleted, quota, stamp).await;
        }
        if self.is(Defect::UndeletesAnyVersion) && matches!(result, Ok(Replacement::OtherVersion)) {
            return Ok(Replacement::Replaced(deleted));
        }
        self.spoil(result).await
    }

    async fn remove_old_revisions(&self, replaced_before: Timestamp) -> Result<u64, RepositoryError> {
        let all = self.is(Defect::RemovesNewRevisions);
        let replaced_before = if all { Timestamp::MAX } else { replaced_before };
        self.spoil(self.inner.remove_old_revisions(replaced_before).await).await
    }
}

fn root() -> AccessScope {
    icp_domain::Caller::admin(icp_testkit::fixtures::user("root")).access_scope()
}

#[async_trait]
impl<R: IcpRepository + ForgetUser> ForgetUser for Defective<R> {
    async fn forget(
        &self,
        user_id: &UserId,
        part: ForgetPart,
    ) -> Result<Option<ForgetPart>, RepositoryError> {
        if self.is(Defect::ForgetsNobody) { Ok(None) } else { self.inner.forget(user_id, part).await }
    }

    async fn count_rows(&self) -> Result<u64, RepositoryError> {
        self.inner.count_rows().await
    }
}

#[async_trait]
impl<R: ImportExport> ImportExport for Defective<R> {
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
        keeps_replaced: bool,
    ) -> Result<ImportSummary, ImportExportError> {
        self.inner.import(source, on_conflict, keeps_replaced).await
    }

    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, ImportExportError> {
        self.inner.export(sink).await
    }
}

#[async_trait]
impl<R: IcpRepository> HealthCheck for Defective<R> {
    async fn health(&self) -> Health {
        let health = self.inner.health().await;
        let first = *self.health.lock().unwrap().get_or_insert(health);
        if self.is(Defect::CachesHealth) { first } else { health }
    }
}
