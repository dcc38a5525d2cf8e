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
use crate::get::{VersionedDocument, get_icps};
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
        if allows_complete_list(query, short_list::MAX_BYTES)
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
        if allows_complete_list(query, list::MIN_BYTES_FOR_BOUNDED) {
            let user_id = query.scope.user_id().clone();
            let permit = self.acquire_list_permit(deadline, query.scope.user_id()).await?;
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
        let result = match self.batcher.get(id, scope).await {
            Some(result) => result,
            None => self.get_without_batch(deadline, id, scope, i32::MAX).await?,
        };
        Ok(result.map(|result| to_stored_icp(id, result)))
    }

    async fn get_if_changed(
        &self,
        id: IcpId,
        scope: &AccessScope,
        known: &[Version],
    ) -> Result<Lookup<Conditional<StoredIcp, Version>>, RepositoryError> {
        let deadline = self.pool.deadline();
        let result = match self.batcher.get(id, scope).await {
            Some(result) => result,
            None => match self.get_without_batch(deadline, id, scope, 0).await? {
                Lookup::Found((version, _)) if !known.contains(&version) => {
                    self.get_without_batch(deadline, id, scope, i32::MAX).await?
                }
                result => result,
            },
        };
        Ok(result.map(|result| Conditional::of(result.0, to_stored_icp(id, result), known)))
    }
}

fn to_stored_icp(id: IcpId, (version, json): VersionedDocument) -> StoredIcp {
    StoredIcp { id, version, json: json.unwrap_or_default() }
}

impl PostgresDatabase {
    /// Waits for the user's permit to read a list outside of a batch. The statement holds the permit until it ends,
    /// even if the request was cancelled.
    pub(crate) async fn acquire_list_permit(
        &self,
        deadline: Deadline,
        user_id: &UserId,
    ) -> Result<KeyedPermit<UserId>, RepositoryError> {
        let permit = timeout_at(deadline.acquire, self.list_permits.acquire(user_id)).await;
        permit.map_err(|_| self.pool.rejection())
    }

    async fn read_list(
        &self,
        deadline: Deadline,
        query: &ListQuery,
        extent: Extent,
    ) -> Result<(ListBuilder, Option<ListCursor>), RepositoryError> {
        let permit = self.acquire_list_permit(deadline, query.scope.user_id()).await?;
        let read = self.pool.read(deadline, (query.clone(), permit), move |connection, (query, _)| {
            Box::pin(list::read(connection, query, extent))
        });
        read.await
    }

    /// Reads the version of a list, without documents. Caches the version if the query is for all ICPs of the user and
    /// `ListVersions::server_state` returns a state.
    async fn read_version(
        &self,
        deadline: Deadline,
        query: &ListQuery,
    ) -> Result<ListVersion, RepositoryError> {
        let permit = self.acquire_list_permit(deadline, query.scope.user_id()).await?;
        let parameters = (query.clone(), Arc::clone(&self.versions), permit);
        let read = self.pool.read(deadline, parameters, |connection, (query, versions, _)| {
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

    async fn get_without_batch(
        &self,
        deadline: Deadline,
        id: IcpId,
        scope: &AccessScope,
        max_document_bytes: i32,
    ) -> Result<Lookup<VersionedDocument>, RepositoryError> {
        let read = self.pool.read(deadline, scope.user_id().cloned(), move |connection, user_id| {
            Box::pin(async move {
                get_icps(
                    connection,
                    &[id.as_uuid()],
                    &[user_id.as_ref().map(UserId::as_str)],
                    max_document_bytes,
                )
                .await
            })
        });
        Ok(read.await?.pop().unwrap_or(Lookup::Absent))
    }
}

/// Returns true if the query is for all ICPs of a user, and its `max_bytes` allows a list of `length` bytes.
fn allows_complete_list(query: &ListQuery, length: usize) -> bool {
    query.is_everything() && query.max_bytes.is_none_or(|max_bytes| max_bytes.get() >= length)
}

/// Returns true if no ICP can match because a text of the query contains U+0000, which PostgreSQL cannot store.
fn cannot_match(query: &ListQuery) -> bool {
    let texts = [
        Some(query.scope.user_id().as_str()),
        query.filter.name.as_deref(),
        query.filter.provider.as_deref(),
    ];
    texts.into_iter().flatten().any(|text| text.contains('\0'))
}
