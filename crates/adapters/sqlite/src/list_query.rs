//! The statements that read the rows of a list.

use diesel::connection::LoadConnection;
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::Sqlite;
use icp_domain::{Activity, ProviderList};
use icp_ports::{Direction, ListCursor, ListQuery, Sort, SortKey};

use crate::pool::wants_document;
use crate::schema::{icp_members, icps};

type Rows<'a> = std::iter::Fuse<<SqliteConnection as LoadConnection>::Cursor<'a, 'a>>;

/// Returns the rows that match the query, in its order, and one more than its limit. The columns are ID, version, sort key
/// and document. The document is NULL while `Session::wants_documents` is false.
pub(crate) fn rows<'a>(connection: &'a mut SqliteConnection, query: &'a ListQuery) -> QueryResult<Rows<'a>> {
    let rows = if query.is_everything() {
        // One walk along the primary key of `icp_members`, and a look-up per ICP. Diesel caches the prepared statement.
        let (id, created_at) = (icp_members::icp_id, icp_members::created_at);
        let everything = icp_members::table
            .inner_join(icps::table)
            .filter(icp_members::user_id.eq(query.scope.member().as_str()))
            .order((created_at, id))
            .select((id, icps::version, created_at, case_when(wants_document(), icps::document)));
        LoadConnection::load(connection, everything)
    } else {
        LoadConnection::load(connection, matching(query))
    };
    // Fused: SQLite starts a statement again if it is stepped after its end.
    rows.map(Iterator::fuse)
}

/// Sorts the rows before it adds the documents: SQLite would otherwise read all documents before it returned the first row.
pub(crate) fn matching(query: &ListQuery) -> BoxedSqlQuery<'_, Sqlite, SqlQuery> {
    let (sort_key, materialized) = match query.sort() {
        Sort::CreatedAt => ("icp_members.created_at", "NOT MATERIALIZED"), // It is the order of the index.
        Sort::UpdatedAt => ("updated_at", "MATERIALIZED"),
        Sort::Name => ("name_folded", "MATERIALIZED"),
    };
    let (direction, is_after) = match query.direction {
        Direction::Ascending => ("ASC", ">"),
        Direction::Descending => ("DESC", "<"),
    };
    let mut sql = diesel::sql_query(format!(
        "WITH found AS {materialized} (SELECT icp_id, version, {sort_key} AS sort_key, number \
         FROM icp_members JOIN icps ON number = icp_number WHERE user_id = ?"
    ))
    .into_boxed()
    .bind::<Text, _>(query.scope.member().as_str());
    if let Some(activity) = query.filter.activity {
        let (condition, now) = match activity {
            Activity::ActiveAt(now) => (" AND (active_until IS NULL OR active_until > ?)", now),
            Activity::ExpiredAt(now) => (" AND active_until <= ?", now),
        };
        sql = sql.sql(condition).bind::<BigInt, _>(now.unix_millis());
    }
    if let Some(since) = query.filter.updated_since {
        sql = sql.sql(" AND updated_at >= ?").bind::<BigInt, _>(since.unix_millis());
    }
    if let Some(name) = &query.filter.name {
        sql = sql.sql(" AND instr(name_folded, ?)").bind::<Text, _>(name);
    }
    if let Some(provider) = &query.filter.provider {
        sql = sql.sql(" AND instr(providers, ?)").bind::<Text, _>(ProviderList::sought(provider));
    }
    if let Some(ListCursor { key, id }) = query.cursor() {
        sql = sql.sql(format!(" AND ({sort_key}, icp_id) {is_after} (?, ?)"));
        sql = match key {
            SortKey::CreatedAt(time) | SortKey::UpdatedAt(time) => sql.bind::<BigInt, _>(time.unix_millis()),
            SortKey::Name(name) => sql.bind::<Text, _>(name),
        };
        sql = sql.bind::<Binary, _>(id.as_uuid().into_bytes());
    }
    let limit = query.limit.and_then(|limit| i64::try_from(limit.get()).ok()?.checked_add(1));
    sql.sql(format!(" ORDER BY {sort_key} {direction}, icp_id {direction} LIMIT ?) "))
        .bind::<BigInt, _>(limit.unwrap_or(-1)) // SQLite reads a negative number as no limit.
        .sql(
            "SELECT icp_id, version, sort_key, CASE WHEN wants_document() \
             THEN (SELECT document FROM icps WHERE icps.number = found.number) END FROM found",
        )
}
