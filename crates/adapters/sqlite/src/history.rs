use async_trait::async_trait;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::sqlite::Sqlite;
use icp_domain::{
    AccessScope, Author, ChangedFields, IcpChange, IcpId, Operation, Source, Timestamp, UserId,
};
use icp_ports::{
    HistoryPage, HistoryQuery, IcpHistory, Lookup, Quota, Replacement, RepositoryError, Revision, Stamp,
    Version,
};
use icp_storage::history_page;
use uuid::Uuid;

use crate::database::SqliteDatabase;
use crate::error::{TransactionError, invalid_value};
use crate::pool::Job;
use crate::reader::is_in_scope;
use crate::schema::icps;
use crate::write::Entry;
use crate::{quota, revision, write};

#[async_trait]
impl IcpHistory for SqliteDatabase {
    async fn revisions(
        &self,
        id: IcpId,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<Lookup<HistoryPage>, RepositoryError> {
        let (scope, query) = (scope.clone(), query.clone());
        self.read_history(id, scope, query.since, move |connection| {
            let version = query.after.map_or(i64::MAX, |after| after.version.0.saturating_sub(1));
            read_page(connection, revisions_query(id, (i64::MIN, version), query.since, false), &query)
        })
        .await
    }

    async fn revision(
        &self,
        id: IcpId,
        version: Version,
        scope: &AccessScope,
        since: Timestamp,
    ) -> Result<Lookup<Option<Revision>>, RepositoryError> {
        self.read_history(id, scope.clone(), since, move |connection| {
            let query = revisions_query(id, (version.0, version.0), since, true).sql(" LIMIT 1");
            let row = query.get_result::<RevisionRow>(connection).optional()?;
            row.map(Revision::try_from).transpose().map_err(TransactionError::from)
        })
        .await
    }

    async fn deleted(
        &self,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, RepositoryError> {
        let (user_id, query) = (scope.user_id().cloned(), query.clone());
        let permit_user_id = user_id.clone();
        let read = move |job: &mut Job<'_>| {
            if let Some(long_read) = &mut job.long_read {
                long_read.begin();
            }
            read_page(&mut job.session.connection, deletes_query(user_id.as_ref(), &query), &query)
        };
        match &permit_user_id {
            Some(user_id) => self.read_list(user_id, read).await,
            None => self.readers.run(read).await,
        }
    }

    async fn undelete(
        &self,
        change: &IcpChange,
        deleted: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        let (change, stamp) = (change.clone(), stamp.clone());
        let undelete = self.write(move |connection| {
            let last = revision::last_delete(connection, change.id(), deleted)?;
            let Some(last) = last else { return Ok(Replacement::OtherVersion) };
            if !quota::allows_undelete(connection, change.document(), &last, quota)? {
                return Ok(Replacement::QuotaReached);
            }
            let creator = last.creator.and_then(|creator| UserId::try_from(creator).ok());
            let history_bytes = revision::end_delete(connection, change.id())?.unwrap_or_default();
            let origin = write::RowOrigin { creator, version: Some(deleted), history_bytes };
            let entry = Entry::new(&change, &stamp);
            let version = write::insert(connection, change.document(), &origin, entry)?;
            Ok(version.map_or(Replacement::OtherVersion, Replacement::Replaced))
        });
        undelete.await
    }

    async fn remove_old_revisions(&self, replaced_before: Timestamp) -> Result<u64, RepositoryError> {
        self.write(move |connection| Ok(revision::remove_old(connection, replaced_before)?)).await
    }
}

impl SqliteDatabase {
    /// Calls `read` if the ICP, or the last state of the deleted ICP, is in scope. The check and `read` run in one
    /// transaction.
    async fn read_history<T: Send + 'static>(
        &self,
        id: IcpId,
        scope: AccessScope,
        since: Timestamp,
        read: impl FnOnce(&mut SqliteConnection) -> Result<T, TransactionError> + Send + 'static,
    ) -> Result<Lookup<T>, RepositoryError> {
        let reading = self.readers.run(move |job| {
            job.session.connection.transaction(|connection| {
                let existing = icps::table.filter(icps::id.eq(id.as_uuid().into_bytes()));
                let existing =
                    existing.select(is_in_scope(&scope)).get_result::<bool>(connection).optional()?;
                let access = match existing {
                    Some(is_in_scope) => Some(is_in_scope),
                    None => revision::was_accessible(connection, id, scope.user_id(), since)?,
                };
                Ok(match access {
                    Some(true) => Lookup::Found(read(connection)?),
                    Some(false) => Lookup::Forbidden,
                    None => Lookup::Absent,
                })
            })
        });
        reading.await
    }
}

type Query<'a> = BoxedSqlQuery<'a, Sqlite, SqlQuery>;

/// SQL that returns the document of a revision. For a delete, it returns the document before the delete.
const DOCUMENT: &str = "coalesce(document, (SELECT before.document FROM icp_revisions AS before \
    WHERE before.icp_id = revisions.icp_id AND before.version < revisions.version \
    ORDER BY before.version DESC LIMIT 1))";

/// The columns of a revision that the tables `icps` and `icp_revisions` have in common.
const COLUMNS: &str = "version, changed_at, changed_by, actor, source, operation, changed";

/// Returns the query for the current state of an ICP, and for its revisions that were replaced at or after `since`.
/// Both must be in the range of versions. The newest is first.
fn revisions_query<'a>(id: IcpId, versions: (i64, i64), since: Timestamp, with_documents: bool) -> Query<'a> {
    let query = diesel::sql_query(format!(
        "SELECT id AS icp_id, {COLUMNS}, CASE WHEN ?5 THEN document END AS document FROM icps \
         WHERE id = ?1 AND version BETWEEN ?2 AND ?3 UNION ALL \
         SELECT icp_id, {COLUMNS}, CASE WHEN ?5 THEN {DOCUMENT} END FROM icp_revisions AS revisions \
         WHERE icp_id = ?1 AND version BETWEEN ?2 AND ?3 AND replaced_at >= ?4 ORDER BY version DESC"
    ));
    query
        .into_boxed()
        .bind::<Binary, _>(id.as_uuid().into_bytes())
        .bind::<BigInt, _>(versions.0)
        .bind::<BigInt, _>(versions.1)
        .bind::<BigInt, _>(since.unix_millis())
        .bind::<Bool, _>(with_documents)
}

/// Returns the query for the deletes of the ICPs that are still deleted and that the user could access at the deletion,
/// or of all deleted ICPs if `user_id` is `None`. The newest is first.
fn deletes_query<'a>(user_id: Option<&'a UserId>, query: &HistoryQuery) -> Query<'a> {
    let (from, key) = match user_id {
        None => ("icp_revisions AS revisions WHERE ?1 IS NULL", "revisions"),
        Some(_) => (
            "deleted_icp_users AS users JOIN icp_revisions AS revisions \
             ON revisions.icp_id = users.icp_id AND revisions.version = users.version WHERE users.user_id = ?1",
            "users",
        ),
    };
    let after = query.after.map(|after| (after.version.0, after.id));
    let (version, id) = after.unwrap_or((i64::MAX, IcpId::from(Uuid::max())));
    let sql = format!(
        "SELECT revisions.icp_id, revisions.{COLUMNS}, {DOCUMENT} AS document FROM {from} AND is_deleted \
         AND ({key}.version, {key}.icp_id) < (?2, ?3) AND replaced_at >= ?4 \
         AND NOT EXISTS (SELECT 1 FROM icps WHERE icps.id = revisions.icp_id) \
         ORDER BY {key}.version DESC, {key}.icp_id DESC"
    );
    diesel::sql_query(sql)
        .into_boxed()
        .bind::<Nullable<Text>, _>(user_id.map(UserId::as_str))
        .bind::<BigInt, _>(version)
        .bind::<Binary, _>(id.as_uuid().into_bytes())
        .bind::<BigInt, _>(query.since.unix_millis())
}

/// Reads rows until the page is full, and one additional row, which shows whether another page follows.
fn read_page(
    connection: &mut SqliteConnection,
    rows: Query<'_>,
    query: &HistoryQuery,
) -> Result<HistoryPage, TransactionError> {
    let limit = i64::try_from(query.limit.get()).unwrap_or(i64::MAX).saturating_add(1);
    let rows = rows.sql(" LIMIT ?").bind::<BigInt, _>(limit);
    let rows = rows.load_iter::<RevisionRow, _>(connection)?;
    history_page(rows.map(|row| Ok(Revision::try_from(row?)?)), query)
}

#[derive(QueryableByName)]
struct RevisionRow {
    #[diesel(sql_type = Binary)]
    icp_id: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    changed_at: i64,
    #[diesel(sql_type = Nullable<Text>)]
    changed_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    actor: Option<String>,
    #[diesel(sql_type = Text)]
    source: String,
    #[diesel(sql_type = Text)]
    operation: String,
    #[diesel(sql_type = Text)]
    changed: String,
    #[diesel(sql_type = Nullable<Text>)]
    document: Option<String>,
}

impl TryFrom<RevisionRow> for Revision {
    type Error = RepositoryError;

    fn try_from(row: RevisionRow) -> Result<Self, RepositoryError> {
        let version = row.version;
        let id = Uuid::from_slice(&row.icp_id).map_err(|_| invalid_value("icp_revisions.icp_id", version))?;
        let invalid = |column: &str| invalid_value(&format!("icp_revisions.{column}"), id);
        let user = |user: Option<String>, column| {
            user.map(|user| user.try_into().map_err(|_| invalid(column))).transpose()
        };
        Ok(Self {
            id: id.into(),
            version: Version(version),
            at: Timestamp::from_unix_millis(row.changed_at).ok_or_else(|| invalid("changed_at"))?,
            author: Author {
                by: user(row.changed_by, "changed_by")?,
                actor: user(row.actor, "actor")?,
                source: Source::from_name(&row.source).ok_or_else(|| invalid("source"))?,
            },
            operation: Operation::from_name(&row.operation).ok_or_else(|| invalid("operation"))?,
            changed: ChangedFields::from_json(row.changed),
            json: row.document,
        })
    }
}
