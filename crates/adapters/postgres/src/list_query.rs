//! The statement that reads the rows of a list.

use std::num::NonZeroUsize;

use diesel::pg::Pg;
use diesel::pg::data_types::PgTimestamp;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Text, Timestamptz, Untyped, Uuid as SqlUuid};
use diesel::{IntoSql as _, QueryResult};
use icp_domain::{Activity, ProviderList, Timestamp};
use icp_ports::{Direction, ListCursor, ListFilter, ListQuery, ListStart, Sort, SortKey};
use uuid::Uuid;

use crate::prepared::prepared_once;

/// The assumed length of a document. A part has at most `max_bytes / BYTES_PER_ROW` ICPs, so that PostgreSQL does not
/// read the rest of a long list for each part. A limit below [`MIN_ROWS_OF_PART`] is raised to that number.
const BYTES_PER_ROW: usize = 1024;
/// The limit on the number of ICPs in a part is at least this number, unless the query has a smaller limit.
const MIN_ROWS_OF_PART: usize = 64;

/// The rows and documents that a statement reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All rows up to the limit, and the documents up to `max_bytes`.
    Whole,
    /// The rows and documents of one part, which ends at the limit or after about `max_bytes`.
    Part,
    /// All rows up to the limit, without documents, for the version of the list.
    Version,
}

impl Extent {
    /// Returns the maximum number of ICPs, or `None` for no limit. The statement reads one more row.
    pub(crate) fn limit(self, query: &ListQuery) -> Option<NonZeroUsize> {
        let (Self::Part, Some(max_bytes)) = (self, query.max_bytes) else { return query.limit };
        let part = NonZeroUsize::new((max_bytes.get() / BYTES_PER_ROW).max(MIN_ROWS_OF_PART));
        part.into_iter().chain(query.limit).min()
    }
}

/// The statement that reads the rows of a list: ID, version, document and sort key.
///
/// The default order is the order of the primary key of `icp_members`. In this order and without a filter, PostgreSQL
/// scans the index and looks up each ICP by ID. Otherwise, PostgreSQL first filters and sorts rows without documents,
/// and then looks the documents up. A sort of rows with documents would write them to the
/// disk as soon as they exceed `work_mem`.
pub(crate) struct ListStatement<'a> {
    user_id: &'a str,
    conditions: Vec<Condition>,
    /// The position after which the list starts: the sort key and the ID.
    after: Option<(Value, Uuid)>,
    sort_key: &'static str,
    direction: Direction,
    /// True for the default order without a filter. The text of the statement is then always the same.
    is_default_list: bool,
    row_limit: i64,
    max_bytes: i64,
}

/// A bound value.
type Value = Box<dyn QueryFragment<Pg> + Send>;

/// A bound value, with the SQL before and after it.
type Condition = (&'static str, Value, &'static str);

impl<'a> ListStatement<'a> {
    pub(crate) fn new(query: &'a ListQuery, extent: Extent) -> Self {
        let bigint = |number: NonZeroUsize| i64::try_from(number.get()).unwrap_or(i64::MAX);
        let conditions = conditions(&query.filter);
        let order = (query.sort(), query.direction);
        let is_default_list = order == (Sort::CreatedAt, Direction::Ascending) && conditions.is_empty();
        let after = match &query.start {
            ListStart::After(cursor) => Some(position(cursor, query.direction)),
            // The first page of the default list starts after `-infinity`, so that it has the same statement as the
            // later pages.
            ListStart::Beginning(_) => is_default_list.then(|| (negative_infinity(), Uuid::nil())),
        };
        Self {
            user_id: query.scope.user_id().as_str(),
            conditions,
            after,
            sort_key: sort_key(query),
            direction: query.direction,
            is_default_list,
            // The row after the limit shows whether more ICPs follow.
            row_limit: extent.limit(query).map_or(i64::MAX, |limit| bigint(limit).saturating_add(1)),
            // With 0 bytes, the statement reads no documents.
            max_bytes: if extent == Extent::Version { 0 } else { query.max_bytes.map_or(i64::MAX, bigint) },
        }
    }

    /// Adds the statement that returns the sorted rows. `document` is the SQL of the document, or `NULL`.
    fn push_sorted<'b>(&'b self, document: &str, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let (sort_key, id) = (self.sort_key, "icp_members.icp_id");
        let (direction, comparison) = match self.direction {
            Direction::Ascending => ("ASC", ">"),
            Direction::Descending => ("DESC", "<"),
        };
        out.push_sql(&format!(
            "SELECT {id}, icps.version, octet_length(icps.document) AS bytes, {document} AS document, \
             {sort_key} AS sort_key FROM icp_members INNER JOIN icps ON icps.id = {id} WHERE icp_members.user_id = "
        ));
        out.push_bind_param::<Text, _>(self.user_id)?;
        for (before, value, after) in &self.conditions {
            out.push_sql(&format!(" AND {before}"));
            value.walk_ast(out.reborrow())?;
            out.push_sql(after);
        }
        if let Some((value, after_id)) = &self.after {
            out.push_sql(&format!(" AND ({sort_key}, {id}) {comparison} ("));
            value.walk_ast(out.reborrow())?;
            out.push_sql(", ");
            out.push_bind_param::<SqlUuid, _>(after_id)?;
            out.push_sql(")");
        }
        out.push_sql(&format!(" ORDER BY {sort_key} {direction}, {id} {direction} LIMIT "));
        out.push_bind_param::<BigInt, _>(&self.row_limit)
    }
}

prepared_once!(ListStatement -> Untyped);

impl QueryFragment<Pg> for ListStatement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let (inner_document, outer_document) = if self.is_default_list {
            ("icps.document", "document")
        } else {
            // There are too many different statements to prepare all of them.
            out.unsafe_to_cache_prepared();
            ("NULL", "(SELECT icps.document FROM icps WHERE icps.id = icp_id)")
        };
        out.push_sql("SELECT icp_id, version, CASE WHEN coalesce(bytes_before, 0) < ");
        out.push_bind_param::<BigInt, _>(&self.max_bytes)?;
        out.push_sql(&format!(
            " THEN {outer_document} END, sort_key FROM (SELECT listed.*, \
             sum(bytes) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before FROM ("
        ));
        self.push_sorted(inner_document, out.reborrow())?;
        out.push_sql(") AS listed) AS measured");
        Ok(())
    }
}

/// Returns the SQL of the sort key. The sort key of an ICP without `activeUntil` is an infinite time, so that the ICP
/// is last.
fn sort_key(query: &ListQuery) -> &'static str {
    const { assert!(SortKey::MAX_NAME_CHARS == 255, "the SQL below contains this number") };
    match (query.sort(), query.direction) {
        (Sort::CreatedAt, _) => "icp_members.created_at",
        (Sort::UpdatedAt, _) => "icps.updated_at",
        (Sort::Name, _) => "left(icps.name_folded, 255)",
        (Sort::ActiveUntil, Direction::Ascending) => "coalesce(icps.active_until, 'infinity')",
        (Sort::ActiveUntil, Direction::Descending) => "coalesce(icps.active_until, '-infinity')",
    }
}

fn conditions(filter: &ListFilter) -> Vec<Condition> {
    let ListFilter { activity, updated_since, expires_from, expires_before, name, provider } = filter;
    let (activity_condition, now) = match *activity {
        Some(Activity::ActiveAt(now)) => ("coalesce(icps.active_until, 'infinity') > ", Some(now)),
        Some(Activity::ExpiredAt(now)) => ("icps.active_until <= ", Some(now)),
        None => ("", None),
    };
    let conditions = [
        (activity_condition, now.map(bind_time), ""),
        ("icps.updated_at >= ", updated_since.map(bind_time), ""),
        ("icps.active_until >= ", expires_from.map(bind_time), ""),
        ("icps.active_until < ", expires_before.map(bind_time), ""),
        ("strpos(icps.name_folded, ", name.clone().map(bind_text), ") > 0"),
        (
            "strpos(icps.providers, ",
            provider.as_deref().map(ProviderList::search_text).map(bind_text),
            ") > 0",
        ),
    ];
    conditions.into_iter().filter_map(|(before, value, after)| Some((before, value?, after))).collect()
}

/// Returns the sort key and the ID after which a list starts.
fn position(cursor: &ListCursor, direction: Direction) -> (Value, Uuid) {
    let id = cursor.id.as_uuid();
    match &cursor.key {
        SortKey::CreatedAt(at) | SortKey::UpdatedAt(at) | SortKey::ActiveUntil(Some(at)) => {
            (bind_time(*at), id)
        }
        SortKey::ActiveUntil(None) => match direction {
            Direction::Ascending => (infinity(), id),
            Direction::Descending => (negative_infinity(), id),
        },
        SortKey::Name(name) => match name.split_once('\0') {
            // PostgreSQL cannot bind U+0000, and no stored name contains it. So no stored name is between the text
            // before U+0000 and the complete text.
            Some((before, _)) => (bind_text(before.to_owned()), Uuid::max()),
            None => (bind_text(name.clone()), id),
        },
    }
}

fn bind_time(time: Timestamp) -> Value {
    Box::new(time.as_datetime().into_sql::<Timestamptz>())
}

/// Returns the time `infinity`, which PostgreSQL encodes as `i64::MAX`.
fn infinity() -> Value {
    Box::new(PgTimestamp(i64::MAX).into_sql::<Timestamptz>())
}

/// Returns the time `-infinity`, which PostgreSQL encodes as `i64::MIN`.
fn negative_infinity() -> Value {
    Box::new(PgTimestamp(i64::MIN).into_sql::<Timestamptz>())
}

fn bind_text(text: String) -> Value {
    Box::new(text.into_sql::<Text>())
}
