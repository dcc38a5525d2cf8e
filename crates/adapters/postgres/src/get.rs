//! Reads several single ICPs in one statement.

use std::pin::pin;

use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::TryStreamExt as _;
use icp_ports::{Lookup, Version};
use uuid::Uuid;

use crate::prepared::prepared_query;
use crate::row::{column, text};

/// An ICP: its version and, if it is not too long, its document.
pub(crate) type Found = (Version, Option<String>);

/// Looks up ICPs. Each is looked up for a user who must be in its `userIds`, or for `None` for an admin. Documents with more
/// than `max_document` bytes are omitted.
pub(crate) async fn get(
    mut connection: &AsyncPgConnection,
    ids: &[Uuid],
    users: &[Option<&str>],
    max_document: i32,
) -> QueryResult<Vec<Lookup<Found>>> {
    let mut found: Vec<_> = ids.iter().map(|_| Lookup::Absent).collect();
    let users: Vec<_> = users.iter().map(|user| user.map(storable)).collect();
    let query = Gets { ids, users: &users, max_document };
    let mut rows = pin!(AsyncConnectionCore::load(&mut connection, query).await?);
    while let Some(row) = rows.try_next().await? {
        // The ordinal counts from 1.
        let ordinal = usize::try_from(column::<BigInt, i64>(&row, 0)?).unwrap_or_default();
        let Some(found) = ordinal.checked_sub(1).and_then(|index| found.get_mut(index)) else { continue };
        let version: i64 = column::<BigInt, _>(&row, 2)?;
        let document = text(&row, 3, |document| document.map(str::to_owned))?;
        *found = Lookup::of(Some((column::<Bool, bool>(&row, 1)?, (Version(version), document))));
    }
    Ok(found)
}

/// Replaces an ID that PostgreSQL cannot store, because it contains U+0000, by the empty ID, which no ICP names.
fn storable(user_id: &str) -> &str {
    if user_id.contains('\0') { "" } else { user_id }
}

/// Two look-ups in primary keys per ICP.
///
/// `BETWEEN` has the effect of `=` here. With `=`, PostgreSQL would plan for an ICP with the average number of users, and scan
/// all users of the ICP.
#[derive(Debug)]
pub(crate) struct Gets<'a> {
    pub(crate) ids: &'a [Uuid],
    pub(crate) users: &'a [Option<&'a str>],
    pub(crate) max_document: i32,
}

prepared_query! {
    Gets(gets) -> (BigInt, Bool, BigInt, Text),
    "SELECT asked.ordinal, asked.user_id IS NULL OR EXISTS (\
     SELECT FROM icp_members WHERE icp_members.user_id = asked.user_id \
     AND icp_members.created_at = icps.created_at AND icp_members.icp_id BETWEEN icps.id AND icps.id), \
     icps.version, CASE WHEN octet_length(icps.document) <= ",
    Integer = &gets.max_document;
    " THEN icps.document END FROM unnest(", Array<SqlUuid> = &gets.ids;
    ", ", Array<Nullable<Text>> = &gets.users;
    ") WITH ORDINALITY AS asked (id, user_id, ordinal) INNER JOIN icps ON icps.id = asked.id";
}
