//! The statements that read the rows of a list.

use diesel::connection::LoadConnection;
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::Sqlite;
use icp_domain::{Activity, ProviderList, Timestamp};
use icp_ports::{Direction, ListCursor, ListFilter, ListQuery, ListStart, Sort, SortKey};

use crate::pool::wants_document;
use crate::schema::{icp_members, icps};

type Rows<'a> = std::iter::Fuse<<SqliteConnection as LoadConnection>::Cursor<'a, 'a>>;

/// Returns the rows that match the query, in the order of the query. The number of rows is at most one more than the
/// limit of the query. The columns are ID, version, sort key and document. The document is NULL while
/// `Session::wants_documents` is false.
pub(crate) fn rows<'a>(connection: &'a mut SqliteConnection, query: &'a ListQuery) -> QueryResult<Rows<'a>> {
    let rows = if query.is_everything() {
        // SQLite scans the primary key of `icp_members`, and looks up each ICP. Diesel caches the prepared statement.
        let (id, created_at) = (icp_members::icp_id, icp_members::created_at);
        let everything = icp_members::table
            .inner_join(icps::table)
            .filter(icp_members::user_id.eq(query.scope.user_id().as_str()))
            .order((created_at, id))
            .select((id, icps::version, created_at, case_when(wants_document(), icps::document)));
        LoadConnection::load(connection, everything)
    } else {
        LoadConnection::load(connection, filtered_query(query))
    };
    // The iterator must be fused, because SQLite restarts a statement that is stepped after its end.
    rows.map(Iterator::fuse)
}

/// Returns a statement that first filters and sorts rows without documents, and then adds the documents. If it sorted
/// rows with documents, SQLite would read all documents before it returns the first row.
pub(crate) fn filtered_query(query: &ListQuery) -> BoxedSqlQuery<'_, Sqlite, SqlQuery> {
    let (direction, is_after, last) = match query.direction {
        Direction::Ascending => ("ASC", ">", i64::MAX),
        Direction::Descending => ("DESC", "<", i64::MIN),
    };
    let active_until = format!("ifnull(active_until, {last})"); // No ICP has `last` as its time.
    let name = format!("substr(name_folded, 1, {})", SortKey::MAX_NAME_CHARS);
    let (sort_key, materialized) = match query.sort() {
        Sort::CreatedAt => ("icp_members.created_at", "NOT MATERIALIZED"), // The index has this order.
        Sort::UpdatedAt => ("updated_at", "MATERIALIZED"),
        Sort::Name => (name.as_str(), "MATERIALIZED"),
        Sort::ActiveUntil => (active_until.as_str(), "MATERIALIZED"),
    };
    let ListFilter { activity, updated_since, expires_from, expires_before, name, provider } = &query.filter;
    let (active_at, expired_at) = match *activity {
        Some(Activity::ActiveAt(now)) => (Some(now), None),
        Some(Activity::ExpiredAt(now)) => (None, Some(now)),
        None => (None, None),
    };
    let mut sql = diesel::sql_query(format!(
        "WITH found AS {materialized} (SELECT icp_id, version, {sort_key} AS sort_key, number \
         FROM icp_members JOIN icps ON number = icp_number WHERE user_id = ?1 \
         AND (?2 IS NULL OR active_until IS NULL OR active_until > ?2) AND (?3 IS NULL OR active_until <= ?3) \
         AND (?4 IS NULL OR updated_at >= ?4) AND (?5 IS NULL OR active_until >= ?5) \
         AND (?6 IS NULL OR active_until < ?6) \
         AND (?7 IS NULL OR instr(name_folded, ?7)) AND (?8 IS NULL OR instr(providers, ?8))"
    ))
    .into_boxed()
    .bind::<Text, _>(query.scope.user_id().as_str());
    for time in [active_at, expired_at, *updated_since, *expires_from, *expires_before] {
        sql = sql.bind::<Nullable<BigInt>, _>(time.map(Timestamp::unix_millis));
    }
    sql = sql.bind::<Nullable<Text>, _>(name.as_deref());
    sql = sql.bind::<Nullable<Text>, _>(provider.as_deref().map(ProviderList::search_text));
    if let ListStart::After(ListCursor { key, id }) = &query.start {
        sql = sql.sql(format!(" AND ({sort_key}, icp_id) {is_after} (?, ?)"));
        sql = match key {
            SortKey::CreatedAt(time) | SortKey::UpdatedAt(time) => sql.bind::<BigInt, _>(time.unix_millis()),
            SortKey::Name(name) => sql.bind::<Text, _>(name),
            SortKey::ActiveUntil(end) => sql.bind::<BigInt, _>(end.map_or(last, Timestamp::unix_millis)),
        };
        sql = sql.bind::<Binary, _>(id.as_uuid().into_bytes());
    }
    let limit = query.limit.and_then(|limit| i64::try_from(limit.get()).ok()?.checked_add(1));
    sql.sql(format!(" ORDER BY {sort_key} {direction}, icp_id {direction} LIMIT ?) "))
        .bind::<BigInt, _>(limit.unwrap_or(-1)) // For SQLite, a negative number means no limit.
        .sql(
            "SELECT icp_id, version, sort_key, CASE WHEN wants_document() \
             THEN (SELECT document FROM icps WHERE icps.number = found.number) END FROM found",
        )
}
