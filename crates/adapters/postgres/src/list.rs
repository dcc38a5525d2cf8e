//! Lists of any length, order and filter.
//!
//! A statement returns a row for every ICP that the query wants, and the documents up to the one that reaches `max_bytes`.
//! So it tells the version of the whole list, and reads no document in vain.

use std::num::NonZeroUsize;
use std::pin::pin;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::pg::data_types::PgTimestamp;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::row::Row;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::TryStreamExt as _;
use icp_domain::{Activity, ProviderList, Timestamp, UserId};
use icp_ports::{Direction, IcpList, ListCursor, ListFilter, ListQuery, Sort, SortKey};
use icp_storage::ListBuilder;
use uuid::Uuid;

use crate::row::{column, id_and_version, text, time};
use crate::write::prepared_once;

/// A part of a list reads one row for so many bytes. Of shorter documents it has less than `max_bytes`.
const BYTES_PER_ROW: usize = 1024;

/// What a statement reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Every row, and the documents up to `max_bytes`.
    Whole,
    /// The rows and documents of the first part.
    Part,
    /// Every row and no document, for the version alone.
    Version,
}

/// Reads a list. Returns it with the position of its last document.
pub(crate) async fn read(
    mut connection: &AsyncPgConnection,
    query: &ListQuery,
    extent: Extent,
) -> QueryResult<(ListBuilder, Option<ListCursor>)> {
    let mut list = ListBuilder::new(limit(query, extent), query.max_bytes);
    let mut end = None;
    let mut rows = pin!(AsyncConnectionCore::load(&mut connection, Rows::of(query, extent)).await?);
    while let Some(row) = rows.try_next().await? {
        let (id, version) = id_and_version(&row, 0)?;
        if text(&row, 2, |document| list.push(id, version, document))? {
            end = Some(row);
        }
    }
    let end = end.map(|row| cursor(query.sort(), &row)).transpose()?;
    Ok((list, end))
}

/// Reads a whole list, oldest first, if it is within [`BOUNDED_BYTES`]: `None` if it has too many ICPs or too long a document.
///
/// It costs two thirds of [`read`], which has PostgreSQL add the lengths up.
pub(crate) async fn read_bounded(
    mut connection: &AsyncPgConnection,
    user_id: &UserId,
) -> QueryResult<Option<IcpList>> {
    let mut list = ListBuilder::new(None, None);
    let (mut is_bounded, mut count) = (true, 0);
    let mut rows = pin!(AsyncConnectionCore::load(&mut connection, BoundedRows(user_id.as_str())).await?);
    while let Some(row) = rows.try_next().await? {
        let (id, version) = id_and_version(&row, 0)?;
        is_bounded &= text(&row, 2, |document| list.push(id, version, document))?;
        count += 1;
    }
    Ok((is_bounded && count <= BOUNDED_ICPS).then(|| list.finish(None)))
}

const BOUNDED_ICPS: i64 = 1_024;
const BOUNDED_DOCUMENT: i32 = 3 * 1024;
/// Less than the largest list that [`read_bounded`] reads is not worth the attempt, in bytes.
pub(crate) const BOUNDED_BYTES: usize = 4 * 1024 * 1024;

/// The rows of a list with its documents, as long as they are short.
#[derive(Debug)]
struct BoundedRows<'a>(&'a str);

prepared_once!(BoundedRows -> (SqlUuid, BigInt, Nullable<Text>));

impl QueryFragment<Pg> for BoundedRows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT icp_members.icp_id, icps.version, CASE WHEN octet_length(icps.document) <= ");
        out.push_bind_param::<Integer, _>(&BOUNDED_DOCUMENT)?;
        out.push_sql(
            " THEN icps.document END FROM icp_members INNER JOIN icps ON icps.id = icp_members.icp_id \
             WHERE icp_members.user_id = ",
        );
        out.push_bind_param::<Text, _>(self.0)?;
        out.push_sql(" ORDER BY icp_members.created_at, icp_members.icp_id LIMIT 1 + ");
        out.push_bind_param::<BigInt, _>(&BOUNDED_ICPS)?;
        Ok(())
    }
}

/// Returns the largest number of ICPs in the answer.
fn limit(query: &ListQuery, extent: Extent) -> Option<NonZeroUsize> {
    let max_bytes = query.max_bytes.filter(|_| extent == Extent::Part);
    let part = max_bytes.and_then(|bytes| NonZeroUsize::new((bytes.get() / BYTES_PER_ROW).max(64)));
    part.into_iter().chain(query.limit).min()
}

fn cursor<'a>(sort: Sort, row: &impl Row<'a, Pg>) -> QueryResult<ListCursor> {
    let key = match sort {
        Sort::CreatedAt => SortKey::CreatedAt(time(row, 3)?),
        Sort::UpdatedAt => SortKey::UpdatedAt(time(row, 4)?),
        Sort::Name => SortKey::Name(text(row, 5, |name| name.unwrap_or_default().to_owned())?),
    };
    Ok(ListCursor { key, id: column::<SqlUuid, Uuid>(row, 0)?.into() })
}

/// The rows of a list.
///
/// In the usual order, which is that of the primary key of `icp_members`, it is one walk along that index and a look-up by ID
/// for each ICP. In any other order IDs and lengths are filtered and sorted first, and documents looked up after that:
/// PostgreSQL would keep documents for the sort, and beyond its `work_mem` on the disk.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    user_id: &'a str,
    conditions: Vec<Condition>,
    /// The position after which the list starts: the sort key and the ID.
    after: Option<(Value, Uuid)>,
    sort: Sort,
    direction: Direction,
    row_limit: i64,
    max_bytes: i64,
}

/// SQL around a value.
type Condition = (&'static str, Value, &'static str);

#[derive(Debug)]
enum Value {
    Time(PgTimestamp),
    Text(String),
}

impl QueryFragment<Pg> for Value {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match self {
            Self::Time(time) => out.push_bind_param::<Timestamptz, _>(time),
            Self::Text(text) => out.push_bind_param::<Text, _>(text),
        }
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        // PostgreSQL counts microseconds from the year 2000.
        Self::Time(PgTimestamp((time.unix_millis() - 946_684_800_000).saturating_mul(1_000)))
    }
}

impl<'a> Rows<'a> {
    pub(crate) fn of(query: &'a ListQuery, extent: Extent) -> Self {
        let bigint = |number: NonZeroUsize| i64::try_from(number.get()).unwrap_or(i64::MAX);
        let mut rows = Self {
            user_id: query.scope.member().as_str(),
            conditions: filter(&query.filter),
            after: None,
            sort: query.sort(),
            direction: query.direction,
            // By the row after the limit it is known whether there are more.
            row_limit: limit(query, extent).map_or(i64::MAX, |limit| bigint(limit).saturating_add(1)),
            max_bytes: if extent == Extent::Version { 0 } else { query.max_bytes.map_or(i64::MAX, bigint) },
        };
        rows.after = match query.cursor() {
            Some(ListCursor { key: SortKey::Name(name), id }) => Some(match name.split_once('\0') {
                // No stored name contains U+0000, so none lies between the text before it and the whole.
                Some((before, _)) => (Value::Text(before.to_owned()), Uuid::max()),
                None => (Value::Text(name.clone()), id.as_uuid()),
            }),
            Some(ListCursor { key: SortKey::CreatedAt(time) | SortKey::UpdatedAt(time), id }) => {
                Some(((*time).into(), id.as_uuid()))
            }
            // Before every time: `-infinity`. So the usual list and its pages are one statement.
            None if rows.is_in_index_order() => Some((Value::Time(PgTimestamp(i64::MIN)), Uuid::nil())),
            None => None,
        };
        rows
    }

    /// Returns true for the usual order, without a filter. Its text is always the same.
    fn is_in_index_order(&self) -> bool {
        (self.sort, self.direction) == (Sort::CreatedAt, Direction::Ascending) && self.conditions.is_empty()
    }
}

fn filter(filter: &ListFilter) -> Vec<Condition> {
    let mut conditions = Vec::new();
    match filter.activity {
        Some(Activity::ActiveAt(now)) => {
            conditions.push(("coalesce(icps.active_until, 'infinity') > ", now.into(), ""));
        }
        Some(Activity::ExpiredAt(now)) => conditions.push(("icps.active_until <= ", now.into(), "")),
        None => {}
    }
    if let Some(since) = filter.updated_since {
        conditions.push(("icps.updated_at >= ", since.into(), ""));
    }
    if let Some(name) = &filter.name {
        conditions.push(("strpos(icps.name_folded, ", Value::Text(name.clone()), ") > 0"));
    }
    if let Some(provider) = &filter.provider {
        conditions.push(("strpos(icps.providers, ", Value::Text(ProviderList::sought(provider)), ") > 0"));
    }
    conditions
}

prepared_once!(Rows -> (SqlUuid, BigInt, Nullable<Text>, Timestamptz, Timestamptz, Text));

impl QueryFragment<Pg> for Rows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let (inner, outer) = if self.is_in_index_order() {
            ("icps.document", "document")
        } else {
            // There are too many forms to keep them all prepared.
            out.unsafe_to_cache_prepared();
            ("NULL", "(SELECT icps.document FROM icps WHERE icps.id = icp_id)")
        };
        out.push_sql("SELECT icp_id, version, CASE WHEN coalesce(bytes_before, 0) < ");
        out.push_bind_param::<BigInt, _>(&self.max_bytes)?;
        out.push_sql(" THEN ");
        out.push_sql(outer);
        out.push_sql(
            " END, created_at, updated_at, name_folded FROM (SELECT listed.*, \
             sum(bytes) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before FROM (\
             SELECT icp_members.icp_id, icps.version, octet_length(icps.document) AS bytes, ",
        );
        out.push_sql(inner);
        out.push_sql(
            " AS document, icp_members.created_at, icps.updated_at, icps.name_folded \
             FROM icp_members INNER JOIN icps ON icps.id = icp_members.icp_id WHERE icp_members.user_id = ",
        );
        out.push_bind_param::<Text, _>(self.user_id)?;
        for (before, value, after) in &self.conditions {
            out.push_sql(" AND ");
            out.push_sql(before);
            value.walk_ast(out.reborrow())?;
            out.push_sql(after);
        }
        let (direction, follows) = match self.direction {
            Direction::Ascending => (" ASC", ", icp_members.icp_id) > ("),
            Direction::Descending => (" DESC", ", icp_members.icp_id) < ("),
        };
        let key = match self.sort {
            Sort::CreatedAt => "icp_members.created_at",
            Sort::UpdatedAt => "icps.updated_at",
            Sort::Name => "icps.name_folded",
        };
        if let Some((value, id)) = &self.after {
            out.push_sql(" AND (");
            out.push_sql(key);
            out.push_sql(follows);
            value.walk_ast(out.reborrow())?;
            out.push_sql(", ");
            out.push_bind_param::<SqlUuid, _>(id)?;
            out.push_sql(")");
        }
        out.push_sql(" ORDER BY ");
        out.push_sql(key);
        out.push_sql(direction);
        out.push_sql(", icp_members.icp_id");
        out.push_sql(direction);
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.row_limit)?;
        out.push_sql(") AS listed) AS measured");
        Ok(())
    }
}
