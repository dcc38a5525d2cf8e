use async_trait::async_trait;
use diesel_async::RunQueryDsl as _;
use icp_domain::{AccessScope, IcpChange, IcpId, Timestamp};
use icp_ports::{
    HistoryPage, HistoryQuery, IcpHistory, Lookup, Quota, Replacement, RepositoryError, Revision, Stamp,
    Version,
};
use icp_storage::history_page;

use crate::database::PostgresDatabase;
use crate::revision::{RevisionRange, RevisionRow, read_deletes, read_revisions, remove_old, row_limit};
use crate::write::Undelete;

#[async_trait]
impl IcpHistory for PostgresDatabase {
    async fn revisions(
        &self,
        id: IcpId,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<Lookup<HistoryPage>, RepositoryError> {
        let last = query.after.map_or(i64::MAX, |after| after.version.0.saturating_sub(1));
        let range = RevisionRange {
            id,
            versions: (i64::MIN, last),
            replaced_since: query.since,
            row_limit: row_limit(query),
        };
        let result = self.read_history(range, scope, false).await?;
        Ok(match result {
            Lookup::Found(rows) => Lookup::Found(page(rows, query)?),
            Lookup::Forbidden => Lookup::Forbidden,
            Lookup::Absent => Lookup::Absent,
        })
    }

    async fn revision(
        &self,
        id: IcpId,
        version: Version,
        scope: &AccessScope,
        since: Timestamp,
    ) -> Result<Lookup<Option<Revision>>, RepositoryError> {
        let range =
            RevisionRange { id, versions: (version.0, version.0), replaced_since: since, row_limit: 1 };
        Ok(match self.read_history(range, scope, true).await? {
            Lookup::Found(mut rows) => Lookup::Found(rows.pop().map(Revision::try_from).transpose()?),
            Lookup::Forbidden => Lookup::Forbidden,
            Lookup::Absent => Lookup::Absent,
        })
    }

    async fn deleted(
        &self,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, RepositoryError> {
        if !is_storable(scope) {
            return Ok(HistoryPage::default());
        }
        let deadline = self.pool.deadline();
        let permit = match scope.user_id() {
            Some(user_id) => Some(self.acquire_list_permit(deadline, user_id).await?),
            None => None,
        };
        let parameters = (scope.user_id().cloned(), query.clone(), permit);
        let read = self.pool.read(deadline, parameters, |connection, (user_id, query, _)| {
            Box::pin(read_deletes(connection, user_id.as_ref(), query))
        });
        page(read.await?, query)
    }

    async fn undelete(
        &self,
        change: &IcpChange,
        deleted: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        let (change, stamp) = (change.clone(), stamp.clone());
        let undeleting = self.pool.run(self.pool.deadline(), move |connection| {
            Box::pin(async move {
                let undelete = Undelete::new(&change, deleted, quota, &stamp);
                undelete.get_results::<Option<i64>>(connection).await
            })
        });
        Ok(match undeleting.await?.pop() {
            Some(Some(version)) => Replacement::Replaced(Version(version)),
            Some(None) => Replacement::QuotaReached,
            None => Replacement::OtherVersion,
        })
    }

    async fn remove_old_revisions(&self, replaced_before: Timestamp) -> Result<u64, RepositoryError> {
        let removing = self.pool.run(self.pool.deadline(), move |connection| {
            Box::pin(async move { remove_old(connection, replaced_before).await })
        });
        Ok(removing.await?.unsigned_abs())
    }
}

impl PostgresDatabase {
    async fn read_history(
        &self,
        range: RevisionRange,
        scope: &AccessScope,
        with_documents: bool,
    ) -> Result<Lookup<Vec<RevisionRow>>, RepositoryError> {
        // No row names a user whose ID PostgreSQL cannot store.
        let user_id = scope.user_id().map(|user_id| if is_storable(scope) { user_id.as_str() } else { "" });
        let user_id = user_id.map(str::to_owned);
        let read = self.pool.read(self.pool.deadline(), user_id, move |connection, user_id| {
            Box::pin(read_revisions(connection, range, user_id.as_deref(), with_documents))
        });
        read.await
    }
}

/// Returns false if the scope's user ID contains U+0000, which PostgreSQL cannot store.
fn is_storable(scope: &AccessScope) -> bool {
    scope.user_id().is_none_or(|user_id| !user_id.as_str().contains('\0'))
}

fn page(rows: Vec<RevisionRow>, query: &HistoryQuery) -> Result<HistoryPage, RepositoryError> {
    history_page(rows.into_iter().map(Revision::try_from), query)
}
