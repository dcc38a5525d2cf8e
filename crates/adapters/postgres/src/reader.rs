use std::num::NonZeroUsize;
use std::sync::PoisonError;

use async_trait::async_trait;
use icp_domain::{AccessScope, IcpId, UserId};
use icp_ports::{
    Conditional, IcpList, IcpReader, ListCursor, ListPart, ListQuery, ListVersion, Lookup, RepositoryError,
    StoredIcp, Version,
};
use icp_storage::ListBuilder;

use crate::database::PostgresDatabase;
use crate::get::{Found, get};
use crate::list::{self, Extent};
use crate::pool::Deadline;
use crate::server_state::server_state;
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
            return Ok(if_changed(ListBuilder::for_query(query).finish(None), known));
        }
        let deadline = self.pool.deadline();
        if may_be_short(query)
            && let Some(answer) = self.batcher.list(query.scope.member(), known).await
        {
            return Ok(answer);
        }
        if !known.is_empty() {
            let version = self.read_version(deadline, query).await?;
            if known.contains(&version) {
                return Ok(Conditional::Unchanged(version));
            }
        }
        let (list, end) = self.read_list(deadline, query, Extent::Whole).await?;
        Ok(if_changed(list.finish(end), known))
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
        Ok(found.map(|found| {
            let version = found.0;
            Conditional::of(stored(id, found), version, known)
        }))
    }
}

fn if_changed(list: IcpList, known: &[ListVersion]) -> Conditional<IcpList, ListVersion> {
    let version = list.version;
    Conditional::of(list, version, known)
}

fn stored(id: IcpId, (version, json): Found) -> StoredIcp {
    StoredIcp { id, version, json: json.unwrap_or_default() }
}

impl PostgresDatabase {
    async fn read_list(
        &self,
        deadline: Deadline,
        query: &ListQuery,
        extent: Extent,
    ) -> Result<(ListBuilder, Option<ListCursor>), RepositoryError> {
        let query = query.clone();
        let reading = self.pool.read(deadline, move |connection| {
            let query = query.clone();
            Box::pin(async move { list::read(connection, &query, extent).await })
        });
        reading.await
    }

    /// Reads the version of a list that is not short, and caches it if it is the version of everything.
    async fn read_version(
        &self,
        deadline: Deadline,
        query: &ListQuery,
    ) -> Result<ListVersion, RepositoryError> {
        let asked = query.clone();
        let reading = self.pool.read(deadline, move |connection| {
            let query = asked.clone();
            Box::pin(async move {
                let state = if query.is_everything() { server_state(connection).await? } else { None };
                let (list, _) = list::read(connection, &query, Extent::Version).await?;
                Ok((state, list.finish(None).version))
            })
        });
        let (state, version) = reading.await?;
        if let Some(state) = state {
            let mut cache = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
            cache.insert(&state, query.scope.member(), version);
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
        let scope = scope.clone();
        let reading = self.pool.read(deadline, move |connection| {
            let scope = scope.clone();
            Box::pin(async move {
                let user = scope.member().map(UserId::as_str);
                get(connection, &[id.as_uuid()], &[user], max_document).await
            })
        });
        Ok(reading.await?.pop().unwrap_or(Lookup::Absent))
    }
}

/// Returns true if the list can be answered in a batch.
fn may_be_short(query: &ListQuery) -> bool {
    query.is_everything() && query.max_bytes.is_none_or(|bytes| bytes >= SHORT)
}

const SHORT: NonZeroUsize = NonZeroUsize::new(short_list::MAX_BYTES).unwrap();

/// Returns true if no ICP can match: no text of PostgreSQL contains U+0000.
fn cannot_match(query: &ListQuery) -> bool {
    let texts =
        [Some(query.scope.member().as_str()), query.filter.name.as_deref(), query.filter.provider.as_deref()];
    texts.into_iter().flatten().any(|text| text.contains('\0'))
}
