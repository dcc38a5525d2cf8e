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

/// A violation of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    None,
    RepeatsWrites,
    NeverRecovers,
    FailsFirstReadAfterCut,
    FailsHistoryAfterCut,
    ExecutesFailedRemovalLater,
    RespondsLate,
    ConfirmsVersionsFromCache,
    CachesHealth,
    IgnoresMaxBytes,
    PartsSkipAnIcp,
    MaxBytesChangesVersion,
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
    IgnoresForget,
}

/// A repository with the defect `defect`. It forwards calls to `inner`, and changes some of the calls or results.
pub(crate) struct DefectiveRepository<R> {
    inner: R,
    defect: Defect,
    has_failed: AtomicBool,
    /// True if a connection was cut after the last read.
    was_cut: Arc<AtomicBool>,
    health: Mutex<Option<Health>>,
    list_version: Mutex<Option<ListVersion>>,
}

impl<R: IcpRepository> DefectiveRepository<R> {
    pub(crate) fn new(inner: R, defect: Defect) -> Self {
        let (health, list_version) = (Mutex::default(), Mutex::default());
        let (has_failed, was_cut) = (AtomicBool::new(false), Arc::default());
        Self { inner, defect, has_failed, was_cut, health, list_version }
    }

    /// Wraps `faults` so that this repository is notified of cuts.
    pub(crate) fn observe_faults<F: Faults>(&self, faults: F) -> ObservedFaults<F> {
        ObservedFaults { faults, was_cut: Arc::clone(&self.was_cut) }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// Changes the result of a read or write according to the defect.
    async fn apply_defect<T>(&self, result: Result<T, RepositoryError>) -> Result<T, RepositoryError> {
        if matches!(result, Err(RepositoryError::Unavailable(_))) {
            self.has_failed.store(true, Ordering::SeqCst);
            if self.has(Defect::RespondsLate) {
                sleep(Duration::from_secs(3)).await;
            }
        }
        if self.has(Defect::NeverRecovers) && self.has_failed.load(Ordering::SeqCst) {
            return Err(RepositoryError::Unavailable("the connection is broken".into()));
        }
        result
    }

    fn fail_after_cut(&self, defect: Defect) -> Result<(), RepositoryError> {
        let was_cut = self.was_cut.swap(false, Ordering::SeqCst);
        if was_cut && self.has(defect) {
            return Err(RepositoryError::Unavailable("the connection was lost".into()));
        }
        Ok(())
    }

    fn repeats_write<T>(&self, result: &Result<T, RepositoryError>) -> bool {
        self.has(Defect::RepeatsWrites) && matches!(result, Err(RepositoryError::Unavailable(_)))
    }
}

/// Faults that report cuts to a [`DefectiveRepository`].
pub(crate) struct ObservedFaults<F> {
    faults: F,
    was_cut: Arc<AtomicBool>,
}

impl<F: Faults> Faults for ObservedFaults<F> {
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

    fn lose_next_response(&self) {
        self.faults.lose_next_response();
    }
}

#[async_trait]
impl<R: IcpRepository> IcpReader for DefectiveRepository<R> {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        if self.has(Defect::FailsOnU0000) && query.scope.user_id().as_str().contains('\0') {
            return Err(RepositoryError::Backend("invalid byte sequence".into()));
        }
        self.fail_after_cut(Defect::FailsFirstReadAfterCut)?;
        let whole = ListQuery { max_bytes: None, ..query.clone() };
        let query = if self.has(Defect::IgnoresMaxBytes) { &whole } else { query };
        let mut list = self.apply_defect(self.inner.list(query).await).await?;
        if self.has(Defect::MaxBytesChangesVersion) && query.max_bytes.is_some() && list.next.is_some() {
            list.version = ListVersion(list.version.0 ^ 1);
        }
        *self.list_version.lock().unwrap() = Some(list.version);
        Ok(list)
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.fail_after_cut(Defect::FailsFirstReadAfterCut)?;
        self.apply_defect(self.inner.get(id, scope).await).await
    }

    async fn list_if_changed(
        &self,
        query: &ListQuery,
        known: &[ListVersion],
    ) -> Result<Conditional<IcpList, ListVersion>, RepositoryError> {
        let cached = *self.list_version.lock().unwrap();
        let confirmed =
            cached.filter(|version| self.has(Defect::ConfirmsVersionsFromCache) && known.contains(version));
        if let Some(version) = confirmed {
            return Ok(Conditional::Unchanged(version));
        }
        let list = self.list(query).await?;
        Ok(Conditional::of(list.version, list, known))
    }

    async fn list_part(&self, query: &ListQuery) -> Result<ListPart, RepositoryError> {
        let IcpList { icps, next, .. } = self.list(query).await?;
        let mut part = ListPart { icps, next };
        if let Some(next) = part.next.as_mut().filter(|_| self.has(Defect::PartsSkipAnIcp)) {
            next.id = uuid::Uuid::from_u128(next.id.as_uuid().as_u128() + 1).into();
        }
        Ok(part)
    }
}

#[async_trait]
impl<R: IcpRepository> IcpRepository for DefectiveRepository<R> {
    async fn insert(
        &self,
        document: &IcpDocument,
        creator: &Creator,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        let key = key.filter(|_| !self.has(Defect::IgnoresKeys));
        let without_quota = Creator { quota: Quota::UNLIMITED, ..creator.clone() };
        let creator = if self.has(Defect::IgnoresQuotas) { &without_quota } else { creator };
        let mut result = self.inner.insert(document, creator, key).await;
        if self.repeats_write(&result) {
            result = self.inner.insert(document, creator, key).await;
        }
        if let Err(RepositoryError::AlreadyExists(id)) = result {
            if self.has(Defect::FailedInsertUsesKey) && key.is_some() {
                let other_icp =
                    icp_testkit::fixtures::icp(u128::MAX).created_at(&document.created_at().to_string());
                self.inner.insert(&other_icp.document(), creator, key).await?;
            }
            if self.has(Defect::ReportsExistingIdAsFailure) {
                return Err(RepositoryError::Backend(format!("duplicate key: {id}").into()));
            }
        }
        self.apply_defect(result).await
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        let quota = if self.has(Defect::IgnoresQuotas) { Quota::UNLIMITED } else { quota };
        let keeps_replaced = stamp.keeps_replaced && !self.has(Defect::LosesRevisions);
        let stamp = &Stamp { keeps_replaced, ..stamp.clone() };
        let mut result = self.inner.replace(change, expected, quota, stamp).await;
        if self.repeats_write(&result) {
            result = self.inner.replace(change, expected, quota, stamp).await;
        }
        if self.has(Defect::IgnoresExpectedVersion)
            && matches!(result, Ok(Replacement::OtherVersion))
            && let Lookup::Found(stored) = self.inner.get(change.id(), &admin_scope()).await?
        {
            result = self.inner.replace(change, stored.version, quota, stamp).await;
        }
        self.apply_defect(result).await
    }

    async fn delete(&self, id: IcpId, expected: Version, stamp: &Stamp) -> Result<bool, RepositoryError> {
        let mut result = self.inner.delete(id, expected, stamp).await;
        if self.repeats_write(&result) {
            result = self.inner.delete(id, expected, stamp).await;
        }
        self.apply_defect(result).await
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.apply_defect(self.inner.remove_expired_keys(now).await).await
    }
}

#[async_trait]
impl<R: IcpRepository> IcpHistory for DefectiveRepository<R> {
    async fn revisions(
        &self,
        id: IcpId,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<Lookup<HistoryPage>, RepositoryError> {
        let admin_scope = admin_scope();
        let scope = if self.has(Defect::ShowsHistoryToAll) { &admin_scope } else { scope };
        self.fail_after_cut(Defect::FailsHistoryAfterCut)?;
        if self.has(Defect::ExecutesFailedRemovalLater) && self.has_failed.load(Ordering::SeqCst) {
            self.inner.remove_old_revisions(Timestamp::MAX).await?;
        }
        self.apply_defect(self.inner.revisions(id, scope, query).await).await
    }

    async fn revision(
        &self,
        id: IcpId,
        version: Version,
        scope: &AccessScope,
        since: Timestamp,
    ) -> Result<Lookup<Option<Revision>>, RepositoryError> {
        self.fail_after_cut(Defect::FailsHistoryAfterCut)?;
        self.apply_defect(self.inner.revision(id, version, scope, since).await).await
    }

    async fn deleted(
        &self,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, RepositoryError> {
        self.fail_after_cut(Defect::FailsHistoryAfterCut)?;
        self.apply_defect(self.inner.deleted(scope, query).await).await
    }

    async fn undelete(
        &self,
        change: &IcpChange,
        deleted: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        let quota = if self.has(Defect::IgnoresQuotas) { Quota::UNLIMITED } else { quota };
        let mut result = self.inner.undelete(change, deleted, quota, stamp).await;
        if self.repeats_write(&result) {
            result = self.inner.undelete(change, deleted, quota, stamp).await;
        }
        if self.has(Defect::UndeletesAnyVersion) && matches!(result, Ok(Replacement::OtherVersion)) {
            return Ok(Replacement::Replaced(deleted));
        }
        self.apply_defect(result).await
    }

    async fn remove_old_revisions(&self, replaced_before: Timestamp) -> Result<u64, RepositoryError> {
        let removes_all = self.has(Defect::RemovesNewRevisions);
        let replaced_before = if removes_all { Timestamp::MAX } else { replaced_before };
        self.apply_defect(self.inner.remove_old_revisions(replaced_before).await).await
    }
}

fn admin_scope() -> AccessScope {
    icp_domain::Caller::admin(icp_testkit::fixtures::user("root")).access_scope()
}

#[async_trait]
impl<R: IcpRepository + ForgetUser> ForgetUser for DefectiveRepository<R> {
    async fn forget(
        &self,
        user_id: &UserId,
        part: ForgetPart,
    ) -> Result<Option<ForgetPart>, RepositoryError> {
        if self.has(Defect::IgnoresForget) { Ok(None) } else { self.inner.forget(user_id, part).await }
    }

    async fn count_rows(&self) -> Result<u64, RepositoryError> {
        self.inner.count_rows().await
    }
}

#[async_trait]
impl<R: ImportExport> ImportExport for DefectiveRepository<R> {
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
impl<R: IcpRepository> HealthCheck for DefectiveRepository<R> {
    async fn health(&self) -> Health {
        let health = self.inner.health().await;
        let first = *self.health.lock().unwrap().get_or_insert(health);
        if self.has(Defect::CachesHealth) { first } else { health }
    }
}
