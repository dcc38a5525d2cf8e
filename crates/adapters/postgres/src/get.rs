//! Single ICPs, several in one statement.

use std::pin::pin;

use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::TryStreamExt as _;
use icp_ports::{Lookup, Version};
use uuid::Uuid;

use crate::prepared::prepared_query;
use crate::row::{column, text};

/// An ICP that was looked up: its version and, if it is not too long, its document.
pub(crate) type Found = (Version, Option<String>);

/// Looks ICPs up, each for the user who must be among its users, or for `None` for an admin. Documents of more than
/// `max_document` bytes are left out.
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

/// No text of PostgreSQL contains U+0000, and no ICP names the empty user.
fn storable(user_id: &str) -> &str {
    if user_id.contains('\0') { "" } else { user_id }
}

/// Two look-ups in primary keys per ICP.
///
/// `BETWEEN` is `=` here. It keeps PostgreSQL from walking over all users of the ICP: it plans for an ICP with the usual
/// number of users.
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
