use std::sync::Arc;

use async_trait::async_trait;
use icp_domain::{AccessScope, IcpId, UserId};
use icp_permits::KeyedPermit;
use icp_ports::{
    Conditional, IcpList, IcpReader, ListCursor, ListPart, ListQuery, ListVersion, Lookup, RepositoryError,
    StoredIcp, Version,
};
use icp_storage::ListBuilder;
use tokio::time::timeout_at;

use crate::database::PostgresDatabase;
use crate::get::{Found, get};
use crate::list;
use crate::list_query::Extent;
use crate::pool::Deadline;
use crate::short_list;

#[async_trait]
impl IcpReader for PostgresDatabase {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        Ok(match self.list_if_changed(query, &[]).await? {
            Conditional::Changed(list) => list,
            Conditional::Unchanged(version) => IcpList { version, ..IcpList::default() },
        })
    }

    async fn list_if_changed(
        &self,
        query: &ListQuery,
        known: &[ListVersion],
    ) -> Result<Conditional<IcpList, ListVersion>, RepositoryError> {
        if cannot_match(query) {
            let list = ListBuilder::for_query(query).finish(None);
            return Ok(Conditional::of(list.version, list, known));
        }
        let deadline = self.pool.deadline();
        if may_be_within(query, short_list::MAX_BYTES)
            && let Some(answer) = self.batcher.list(query.scope.user_id(), known).await
        {
            return Ok(answer);
        }
        if !known.is_empty() {
            let version = self.read_version(deadline, query).await?;
            if known.contains(&version) {
                return Ok(Conditional::Unchanged(version));
            }
        }
        if may_be_within(query, list::BOUNDED_BYTES) {
            let user_id = query.scope.user_id().clone();
            let permit = self.permit(deadline, query.scope.user_id()).await?;
            let read = self.pool.read(deadline, (user_id, permit), |connection, (user_id, _)| {
                Box::pin(list::read_bounded(connection, user_id))
            });
            if let Some(list) = read.await? {
                return Ok(Conditional::of(list.version, list, known));
            }
        }
        let (list, end) = self.read_list(deadline, query, Extent::Whole).await?;
        let list = list.finish(end);
        Ok(Conditional::of(list.version, list, known))
    }

    async fn list_part(&self, query: &ListQuery) -> Result<ListPart, RepositoryError> {
        if cannot_match(query) {
            return Ok(ListPart::default());
        }
        let (list, end) = self.read_list(self.pool.deadline(), query, Extent::Part).await?;
        Ok(list.finish_part(end))
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        let deadline = self.pool.deadline();
        let found = match self.batcher.get(id, scope).await {
            Some(found) => found,
            None => self.get_alone(deadline, id, scope, i32::MAX).await?,
        };
        Ok(found.map(|found| stored(id, found)))
    }

    async fn get_if_changed(
        &self,
        id: IcpId,
        scope: &AccessScope,
        known: &[Version],
    ) -> Result<Lookup<Conditional<StoredIcp, Version>>, RepositoryError> {
        let deadline = self.pool.deadline();
        let found = match self.batcher.get(id, scope).await {
            Some(found) => found,
            None => match self.get_alone(deadline, id, scope, 0).await? {
                Lookup::Found((version, _)) if !known.contains(&version) => {
                    self.get_alone(deadline, id, scope, i32::MAX).await?
                }
                found => found,
            },
        };
        Ok(found.map(|found| Conditional::of(found.0, stored(id, found), known)))
    }
}

fn stored(id: IcpId, (version, json): Found) -> StoredIcp {
    StoredIcp { id, version, json: json.unwrap_or_default() }
}

impl PostgresDatabase {
    /// Waits until the user may read a list. The statement owns the permit until it ends, also if the request was cancelled.
    pub(crate) async fn permit(
        &self,
        deadline: Deadline,
        user_id: &UserId,
    ) -> Result<KeyedPermit<UserId>, RepositoryError> {
        let permit = timeout_at(deadline.acquire, self.list_reads.acquire(user_id)).await;
        permit.map_err(|_| self.pool.rejection())
    }

    async fn read_list(
        &self,
        deadline: Deadline,
        query: &ListQuery,
        extent: Extent,
    ) -> Result<(ListBuilder, Option<ListCursor>), RepositoryError> {
        let permit = self.permit(deadline, query.scope.user_id()).await?;
        let read = self.pool.read(deadline, (query.clone(), permit), move |connection, (query, _)| {
            Box::pin(list::read(connection, query, extent))
        });
        read.await
    }

    /// Reads the version of a list that is not short, and caches it if the query is for every ICP of the user.
    async fn read_version(
        &self,
        deadline: Deadline,
        query: &ListQuery,
    ) -> Result<ListVersion, RepositoryError> {
        let permit = self.permit(deadline, query.scope.user_id()).await?;
        let asked = (query.clone(), Arc::clone(&self.versions), permit);
        let read = self.pool.read(deadline, asked, |connection, (query, versions, _)| {
            Box::pin(async move {
                let state =
                    if query.is_everything() { versions.server_state(connection).await? } else { None };
                let (list, _) = list::read(connection, query, Extent::Version).await?;
                Ok((state, list.finish(None).version))
            })
        });
        let (state, version) = read.await?;
        if let Some(state) = state {
            self.versions.lock().insert(&state, query.scope.user_id(), version);
        }
        Ok(version)
    }

    async fn get_alone(
        &self,
        deadline: Deadline,
        id: IcpId,
        scope: &AccessScope,
        max_document: i32,
    ) -> Result<Lookup<Found>, RepositoryError> {
        let read = self.pool.read(deadline, scope.user_id().cloned(), move |connection, user_id| {
            Box::pin(async move {
                get(connection, &[id.as_uuid()], &[user_id.as_ref().map(UserId::as_str)], max_document).await
            })
        });
        Ok(read.await?.pop().unwrap_or(Lookup::Absent))
    }
}

/// Returns true if the query is for a complete list of up to `max_bytes`.
fn may_be_within(query: &ListQuery, max_bytes: usize) -> bool {
    query.is_everything() && query.max_bytes.is_none_or(|bytes| bytes.get() >= max_bytes)
}

/// Returns true if no ICP can match, because a text contains U+0000, which PostgreSQL cannot store.
fn cannot_match(query: &ListQuery) -> bool {
    let texts = [
        Some(query.scope.user_id().as_str()),
        query.filter.name.as_deref(),
        query.filter.provider.as_deref(),
    ];
    texts.into_iter().flatten().any(|text| text.contains('\0'))
}
