//! Reads several ICPs by ID in one statement.

use std::pin::pin;

use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::TryStreamExt as _;
use icp_ports::{Lookup, Version};
use uuid::Uuid;

use crate::prepared::prepared_query;
use crate::row::{column, text};

/// The version and the document of an ICP. The document is `None` if it is longer than `max_document_bytes`.
pub(crate) type VersionedDocument = (Version, Option<String>);

/// Looks up the ICPs with the IDs `ids`. Returns one result per ID, in the same order.
///
/// `users` has one entry per ID: the user who must be in the `userIds` of the ICP, or `None` for an admin. Documents of
/// more than `max_document_bytes` bytes are not read.
pub(crate) async fn get_icps(
    mut connection: &AsyncPgConnection,
    ids: &[Uuid],
    users: &[Option<&str>],
    max_document_bytes: i32,
) -> QueryResult<Vec<Lookup<VersionedDocument>>> {
    let mut results: Vec<_> = ids.iter().map(|_| Lookup::Absent).collect();
    let users: Vec<_> = users.iter().map(|user| user.map(storable_user_id)).collect();
    let query = GetQuery { ids, users: &users, max_document_bytes };
    let mut rows = pin!(AsyncConnectionCore::load(&mut connection, query).await?);
    while let Some(row) = rows.try_next().await? {
        // The first ordinal is 1.
        let ordinal = usize::try_from(column::<BigInt, i64>(&row, 0)?).unwrap_or_default();
        let Some(result) = ordinal.checked_sub(1).and_then(|index| results.get_mut(index)) else { continue };
        let version: i64 = column::<BigInt, _>(&row, 2)?;
        let document = text(&row, 3, |document| document.map(str::to_owned))?;
        *result = Lookup::of(Some((column::<Bool, bool>(&row, 1)?, (Version(version), document))));
    }
    Ok(results)
}

/// Replaces a user ID that contains U+0000 by the empty ID. PostgreSQL cannot store U+0000, and no ICP has
/// a user with the empty ID.
fn storable_user_id(user_id: &str) -> &str {
    if user_id.contains('\0') { "" } else { user_id }
}

/// The parameters of a statement that looks up each ICP by its ID. The primary key of `icp_members` is `user_id`,
/// `created_at` and `icp_id`, so one look-up in its index finds out whether the user is in the `userIds` of the ICP.
///
/// `BETWEEN icps.id AND icps.id` finds the same rows as `= icps.id`. With `=`, PostgreSQL would estimate that each ICP
/// has the average number of users, prefer the index `icp_members_by_icp`, and read all users of an ICP that has many.
#[derive(Debug)]
pub(crate) struct GetQuery<'a> {
    pub(crate) ids: &'a [Uuid],
    pub(crate) users: &'a [Option<&'a str>],
    pub(crate) max_document_bytes: i32,
}

prepared_query! {
    GetQuery(query) -> (BigInt, Bool, BigInt, Text),
    "SELECT asked.ordinal, asked.user_id IS NULL OR EXISTS (\
     SELECT FROM icp_members WHERE icp_members.user_id = asked.user_id \
     AND icp_members.created_at = icps.created_at AND icp_members.icp_id BETWEEN icps.id AND icps.id), \
     icps.version, CASE WHEN octet_length(icps.document) <= ",
    Integer = &query.max_document_bytes;
    " THEN icps.document END FROM unnest(", Array<SqlUuid> = &query.ids;
    ", ", Array<Nullable<Text>> = &query.users;
    ") WITH ORDINALITY AS asked (id, user_id, ordinal) INNER JOIN icps ON icps.id = asked.id";
}
