use async_trait::async_trait;
use diesel::dsl::{case_when, exists};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use icp_domain::{AccessScope, IcpId, UserId};
use icp_ports::{
    Conditional, IcpList, IcpReader, ListPart, ListQuery, ListVersion, Lookup, RepositoryError, StoredIcp,
    Version,
};

use crate::database::SqliteDatabase;
use crate::list::{self, Extent};
use crate::schema::{icp_members, icps};

#[async_trait]
impl IcpReader for SqliteDatabase {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        let (user_id, query) = (query.scope.user_id(), query.clone());
        let read = self.read_list(user_id, move |job| list::read(job, &query, Extent::List));
        read.await.map(|(list, end)| list.finish(end))
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        // With an empty list of known versions, `find` always reads the document.
        let icp = self.find(id, scope, &[]).await?;
        Ok(icp.map(|(version, json)| StoredIcp { id, version, json: json.unwrap_or_default() }))
    }

    async fn list_if_changed(
        &self,
        query: &ListQuery,
        known: &[ListVersion],
    ) -> Result<Conditional<IcpList, ListVersion>, RepositoryError> {
        let (user_id, query, known) = (query.scope.user_id(), query.clone(), known.to_vec());
        let read = self.read_list(user_id, move |job| {
            if !known.is_empty() {
                let version = list::version(job, &query)?;
                if known.contains(&version) {
                    return Ok(Conditional::Unchanged(version));
                }
            }
            let (list, end) = list::read(job, &query, Extent::List)?;
            Ok(Conditional::Changed(list.finish(end)))
        });
        read.await
    }

    async fn list_part(&self, query: &ListQuery) -> Result<ListPart, RepositoryError> {
        let (user_id, query) = (query.scope.user_id(), query.clone());
        let read = self.read_list(user_id, move |job| list::read(job, &query, Extent::Part));
        read.await.map(|(list, end)| list.finish_part(end))
    }

    async fn get_if_changed(
        &self,
        id: IcpId,
        scope: &AccessScope,
        known: &[Version],
    ) -> Result<Lookup<Conditional<StoredIcp, Version>>, RepositoryError> {
        Ok(self.find(id, scope, known).await?.map(|(version, json)| match json {
            Some(json) => Conditional::Changed(StoredIcp { id, version, json }),
            None => Conditional::Unchanged(version),
        }))
    }
}

impl SqliteDatabase {
    /// Returns the version of the ICP. Also returns its document, unless the version is one of `known`.
    async fn find(
        &self,
        id: IcpId,
        scope: &AccessScope,
        known: &[Version],
    ) -> Result<Lookup<(Version, Option<String>)>, RepositoryError> {
        let (scope, known) = (scope.clone(), known.to_vec());
        let read = self.readers.run(move |job| {
            let is_new = icps::version.ne_all(known.into_iter().map(|version| version.0));
            let document = case_when(is_new, icps::document);
            let icp = icps::table.filter(icps::id.eq(id.as_uuid().into_bytes()));
            let columns = icp.select((is_in_scope(&scope), (icps::version, document)));
            let row = columns.get_result::<(bool, (i64, Option<String>))>(&mut job.session.connection);
            Ok(Lookup::of(row.optional()?).map(|(version, json)| (Version(version), json)))
        });
        read.await
    }
}

/// SQL that is true if the ICP is in a scope. SQLite makes one look-up in the primary key of `icp_members`.
#[diesel::dsl::auto_type(no_type_alias)]
pub(crate) fn is_in_scope<'a>(scope: &'a AccessScope) -> _ {
    let is_unlimited: bool = scope.user_id().is_none();
    let user_id: &'a str = scope.user_id().map_or("", UserId::as_str);
    let membership = icp_members::table
        .filter(icp_members::user_id.eq(user_id))
        .filter(icp_members::created_at.eq(icps::created_at))
        .filter(icp_members::icp_id.eq(icps::id));
    is_unlimited.into_sql::<Bool>().or(exists(membership))
}
