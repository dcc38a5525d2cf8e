//! Reads the short lists of several users in one statement.

use std::pin::pin;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::row::Row;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::TryStreamExt as _;
use icp_ports::{IcpList, Version};
use icp_storage::ListBuilder;
use uuid::Uuid;

use crate::prepared::prepared_query;
use crate::row::{column, text};

/// Maximum number of ICPs in a short list.
const MAX_ICPS: i64 = 64;
/// Maximum length in bytes of a document in a short list.
pub(crate) const MAX_DOCUMENT_BYTES: i32 = 8 * 1024;
/// Maximum length in bytes of a short list, which follows from the two limits above. These limits bound how much
/// PostgreSQL reads for a list that turns out not to be short, and how long the other requests of the batch wait.
pub(crate) const MAX_BYTES: usize = 512 * 1024;

/// Reads the complete list of each user, oldest first. Returns `None` for a list that is not short.
pub(crate) async fn short_lists(
    mut connection: &AsyncPgConnection,
    user_ids: &[&str],
) -> QueryResult<Vec<Option<IcpList>>> {
    let mut lists = vec![None; user_ids.len()];
    let mut rows = pin!(AsyncConnectionCore::load(&mut connection, ShortListsStatement(user_ids)).await?);
    while let Some(row) = rows.try_next().await? {
        // The first ordinal is 1.
        let ordinal = usize::try_from(column::<BigInt, i64>(&row, 0)?).unwrap_or_default();
        if let Some(list) = ordinal.checked_sub(1).and_then(|index| lists.get_mut(index)) {
            *list = parse_short_list(&row)?;
        }
    }
    Ok(lists)
}

/// Returns the list in a row, or `None` if the list is not short.
fn parse_short_list<'a>(row: &impl Row<'a, Pg>) -> QueryResult<Option<IcpList>> {
    if !column::<Bool, bool>(row, 1)? {
        return Ok(None);
    }
    let ids: Option<Vec<Uuid>> = column::<Nullable<Array<SqlUuid>>, _>(row, 2)?;
    let versions: Option<Vec<i64>> = column::<Nullable<Array<BigInt>>, _>(row, 3)?;
    let rows = ids.unwrap_or_default().into_iter().zip(versions.unwrap_or_default());
    let rows = rows.map(|(id, version)| (id.into(), Version(version)));
    let mut list = ListBuilder::new(None, None);
    text(row, 4, |documents| list.push_joined(rows, documents.unwrap_or_default()))?;
    Ok(Some(list.finish(None)))
}

/// The statement that reads short lists. For each user, it scans the primary key of `icp_members`, which has the
/// order of the list, and looks up each ICP by ID. It returns each list as one row. For short lists, this is faster
/// than one row per ICP. For long lists, it is slower.
#[derive(Debug)]
pub(crate) struct ShortListsStatement<'a>(pub(crate) &'a [&'a str]);

prepared_query! {
    ShortListsStatement(users) -> (BigInt, Bool, Nullable<Array<SqlUuid>>, Nullable<Array<BigInt>>, Nullable<Text>),
    "SELECT asked.ordinal, list.* FROM unnest(", Array<Text> = &users.0;
    ") WITH ORDINALITY AS asked (user_id, ordinal) CROSS JOIN LATERAL (\
     SELECT count(*) = count(document) AND count(*) <= ",
    BigInt = &MAX_ICPS;
    ", array_agg(icp_id), array_agg(version), string_agg(document, ',') FROM (\
     SELECT icp_members.icp_id, icps.version, CASE WHEN octet_length(icps.document) <= ",
    Integer = &MAX_DOCUMENT_BYTES;
    " THEN icps.document END AS document \
     FROM icp_members INNER JOIN icps ON icps.id = icp_members.icp_id \
     WHERE icp_members.user_id = asked.user_id \
     ORDER BY icp_members.created_at, icp_members.icp_id LIMIT 1 + ", BigInt = &MAX_ICPS;
    ") AS icp) AS list";
}
