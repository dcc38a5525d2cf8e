//! Lists of any length, order and filter.
//!
//! A statement for a complete list or a page returns a row for each of its ICPs, but only the first rows, up to
//! `max_bytes`, have documents. So the version covers the complete list or page, and PostgreSQL reads no unnecessary
//! documents.

use std::pin::pin;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::pg::data_types::PgTimestamp;
use diesel::row::Row;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::TryStreamExt as _;
use icp_domain::UserId;
use icp_ports::{IcpList, ListCursor, ListQuery, Sort, SortKey};
use icp_storage::ListBuilder;
use uuid::Uuid;

use crate::list_query::{Extent, ListStatement};
use crate::prepared::prepared_query;
use crate::row::{column, id_and_version, text, time};

/// Reads the rows of a list. Returns the builder of the list, and a cursor to its last document.
pub(crate) async fn read(
    mut connection: &AsyncPgConnection,
    query: &ListQuery,
    extent: Extent,
) -> QueryResult<(ListBuilder, Option<ListCursor>)> {
    let mut list = ListBuilder::new(extent.limit(query), query.max_bytes);
    let mut end = None;
    let mut rows = pin!(AsyncConnectionCore::load(&mut connection, ListStatement::new(query, extent)).await?);
    while let Some(row) = rows.try_next().await? {
        let (id, version) = id_and_version(&row, 0)?;
        if text(&row, 2, |document| list.push(id, version, document))? {
            end = Some(row);
        }
    }
    let end = end.map(|row| cursor(query.sort(), &row)).transpose()?;
    Ok((list, end))
}

/// Reads a complete list, oldest first. Returns `None` if the list has more than [`MAX_BOUNDED_ICPS`] ICPs, or a
/// document of more than [`MAX_BOUNDED_DOCUMENT_BYTES`] bytes.
///
/// This function needs two thirds of the time of [`read`], because PostgreSQL does not add up the lengths of the
/// documents.
pub(crate) async fn read_bounded(
    mut connection: &AsyncPgConnection,
    user_id: &UserId,
) -> QueryResult<Option<IcpList>> {
    let mut list = ListBuilder::new(None, None);
    let (mut is_bounded, mut count) = (true, 0);
    let mut rows =
        pin!(AsyncConnectionCore::load(&mut connection, BoundedListStatement(user_id.as_str())).await?);
    while let Some(row) = rows.try_next().await? {
        let (id, version) = id_and_version(&row, 0)?;
        is_bounded &= text(&row, 2, |document| list.push(id, version, document))?;
        count += 1;
    }
    Ok((is_bounded && count <= MAX_BOUNDED_ICPS).then(|| list.finish(None)))
}

/// Maximum number of ICPs in a bounded list.
const MAX_BOUNDED_ICPS: i64 = 1_024;
/// Maximum length in bytes of a document in a bounded list.
const MAX_BOUNDED_DOCUMENT_BYTES: i32 = 3 * 1024;
/// Callers use [`read_bounded`] only if the query has no `max_bytes`, or if its `max_bytes` is at least this number. A
/// bounded list is never longer.
pub(crate) const MIN_BYTES_FOR_BOUNDED: usize = 4 * 1024 * 1024;

/// The statement that reads the rows of a bounded list. Documents that are too long are omitted.
#[derive(Debug)]
struct BoundedListStatement<'a>(&'a str);

prepared_query! {
    BoundedListStatement(list) -> (SqlUuid, BigInt, Nullable<Text>),
    "SELECT icp_members.icp_id, icps.version, CASE WHEN octet_length(icps.document) <= ",
    Integer = &MAX_BOUNDED_DOCUMENT_BYTES;
    " THEN icps.document END FROM icp_members INNER JOIN icps ON icps.id = icp_members.icp_id \
     WHERE icp_members.user_id = ",
    Text = list.0;
    " ORDER BY icp_members.created_at, icp_members.icp_id LIMIT 1 + ", BigInt = &MAX_BOUNDED_ICPS;
}

fn cursor<'a>(sort: Sort, row: &impl Row<'a, Pg>) -> QueryResult<ListCursor> {
    let key = match sort {
        Sort::CreatedAt => SortKey::CreatedAt(time(row, 3)?),
        Sort::UpdatedAt => SortKey::UpdatedAt(time(row, 3)?),
        Sort::Name => SortKey::Name(text(row, 3, |name| name.unwrap_or_default().to_owned())?),
        Sort::ActiveUntil => SortKey::ActiveUntil(match column::<Timestamptz, PgTimestamp>(row, 3)?.0 {
            // The ICP has no `activeUntil`, so its sort key is `-infinity` or `infinity`.
            i64::MIN | i64::MAX => None,
            _ => Some(time(row, 3)?),
        }),
    };
    Ok(ListCursor { key, id: column::<SqlUuid, Uuid>(row, 0)?.into() })
}
