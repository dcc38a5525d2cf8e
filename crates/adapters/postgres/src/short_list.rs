//! The short lists of several users in one statement.

use std::pin::pin;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Array, BigInt, Integer, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::TryStreamExt as _;
use icp_ports::IcpList;
use icp_storage::ListBuilder;

use crate::row::{column, id_and_version, text};
use crate::write::prepared_once;

/// A list with more ICPs is read alone. The statement reads one more, to tell.
const MAX_ICPS: i64 = 64;
/// A list with a longer document is read alone, in bytes. With [`MAX_ICPS`] it bounds what a statement reads in vain.
pub(crate) const MAX_DOCUMENT: i32 = 16 * 1024;
/// A list that is longer in all is read alone, in bytes, so that others do not wait for it.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// Reads the whole list of each user, oldest first. `None` for a list that is not short.
pub(crate) async fn short_lists(
    mut connection: &AsyncPgConnection,
    users: &[&str],
) -> QueryResult<Vec<Option<IcpList>>> {
    let mut lists = Vec::new();
    lists.resize_with(users.len(), ShortList::default);
    let mut rows = pin!(AsyncConnectionCore::load(&mut connection, ShortLists(users)).await?);
    while let Some(row) = rows.try_next().await? {
        // The ordinal counts from 1.
        let ordinal = usize::try_from(column::<BigInt, i64>(&row, 0)?).unwrap_or_default();
        let Some(list) = ordinal.checked_sub(1).and_then(|index| lists.get_mut(index)) else { continue };
        let (id, version) = id_and_version(&row, 1)?;
        text(&row, 3, |document| {
            list.bytes += document.map_or(MAX_BYTES, str::len);
            list.icps.push(id, version, document);
        })?;
        list.rows += 1;
    }
    Ok(lists.into_iter().map(ShortList::finish).collect())
}

struct ShortList {
    icps: ListBuilder,
    rows: i64,
    bytes: usize,
}

impl Default for ShortList {
    fn default() -> Self {
        Self { icps: ListBuilder::new(None, None), rows: 0, bytes: 0 }
    }
}

impl ShortList {
    fn finish(self) -> Option<IcpList> {
        (self.rows <= MAX_ICPS && self.bytes < MAX_BYTES).then(|| self.icps.finish(None))
    }
}

/// For each user a walk along the primary key of `icp_members`, which is the order of the list, and a look-up by ID for each
/// ICP.
#[derive(Debug)]
pub(crate) struct ShortLists<'a>(pub(crate) &'a [&'a str]);

prepared_once!(ShortLists -> (BigInt, SqlUuid, BigInt, Text));

impl QueryFragment<Pg> for ShortLists<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT asked.ordinal, list.* FROM unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.0)?;
        out.push_sql(
            ") WITH ORDINALITY AS asked (user_id, ordinal) CROSS JOIN LATERAL (\
             SELECT icp_members.icp_id, icps.version, CASE WHEN octet_length(icps.document) <= ",
        );
        out.push_bind_param::<Integer, _>(&MAX_DOCUMENT)?;
        out.push_sql(
            " THEN icps.document END FROM icp_members INNER JOIN icps ON icps.id = icp_members.icp_id \
             WHERE icp_members.user_id = asked.user_id \
             ORDER BY icp_members.created_at, icp_members.icp_id LIMIT 65) AS list",
        );
        Ok(())
    }
}
