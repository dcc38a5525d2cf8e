//! Reads and writes the rows of `icp_revisions` and `deleted_icp_users`, for requests and for imports.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use icp_domain::{IcpId, Operation, Timestamp, UserId};
use icp_ports::{Stamp, Version};

use crate::schema::{deleted_icp_users, icp_members, icp_revisions as revisions, icps};
use crate::write::document_bytes;

/// Stores the current state of an ICP as a revision, before it is replaced or deleted. Returns the bytes of the
/// revision. Returns 0 if the ICP has another version, or if the history does not store replaced states.
pub(crate) fn store_replaced(
    connection: &mut SqliteConnection,
    id: IcpId,
    version: Version,
    stamp: &Stamp,
) -> QueryResult<i64> {
    if !stamp.keeps_replaced {
        return Ok(0);
    }
    let stored =
        icps::table.filter(icps::id.eq(id.as_uuid().into_bytes())).filter(icps::version.eq(version.0));
    let row = stored.select((
        (icps::id, icps::version, icps::changed_at, icps::changed_by, icps::actor),
        (icps::source, icps::operation, icps::changed, stamp.at.unix_millis().into_sql::<BigInt>()),
        icps::document.nullable(),
    ));
    let insert = diesel::insert_into(revisions::table).values(row).into_columns((
        (
            revisions::icp_id,
            revisions::version,
            revisions::changed_at,
            revisions::changed_by,
            revisions::actor,
        ),
        (revisions::source, revisions::operation, revisions::changed, revisions::replaced_at),
        revisions::document,
    ));
    let bytes = insert.returning(document_bytes()).get_result::<i64>(connection);
    bytes.optional().map(Option::unwrap_or_default)
}

/// Stores a delete as a revision, with the users who had access. Does nothing if the ICP does not have the version
/// `expected`, or if the history does not store replaced states.
pub(crate) fn store_delete(
    connection: &mut SqliteConnection,
    id: IcpId,
    expected: Version,
    stamp: &Stamp,
    version: i64,
) -> QueryResult<()> {
    let id = id.as_uuid().into_bytes();
    let stored = icps::table.filter(icps::id.eq(&id)).filter(icps::version.eq(expected.0));
    let columns = (icps::number, icps::creator, sql::<BigInt>("history_bytes + octet_length(document)"));
    let row = stored.select(columns).get_result::<(i64, Option<String>, i64)>(connection).optional()?;
    let Some((number, creator, bytes)) = row.filter(|_| stamp.keeps_replaced) else { return Ok(()) };
    let at = stamp.at.unix_millis();
    let row = (
        (revisions::icp_id.eq(&id), revisions::version.eq(version), revisions::changed_at.eq(at)),
        revisions::changed_by.eq(stamp.author.by.as_ref().map(UserId::as_str)),
        revisions::actor.eq(stamp.author.actor.as_ref().map(UserId::as_str)),
        (revisions::source.eq(stamp.author.source.as_str()), revisions::replaced_at.eq(at)),
        (revisions::operation.eq(Operation::Delete.as_str()), revisions::changed.eq("[]")),
        (revisions::is_deleted.eq(true), revisions::creator.eq(creator), revisions::bytes.eq(bytes)),
    );
    diesel::insert_into(revisions::table).values(row).execute(connection)?;
    let members = icp_members::table.filter(icp_members::icp_number.eq(number));
    let users = members.select((icp_members::user_id, version.into_sql::<BigInt>(), icp_members::icp_id));
    let columns = (deleted_icp_users::user_id, deleted_icp_users::version, deleted_icp_users::icp_id);
    let insert = diesel::insert_into(deleted_icp_users::table).values(users).into_columns(columns);
    insert.execute(connection).map(drop)
}

/// Marks an ICP as no longer deleted. Returns the bytes of its revisions, or `None` if the ICP was not deleted.
pub(crate) fn end_delete(connection: &mut SqliteConnection, id: IcpId) -> QueryResult<Option<i64>> {
    let id = id.as_uuid().into_bytes();
    let delete = revisions::table.filter(revisions::icp_id.eq(&id)).filter(revisions::is_deleted);
    let row = delete.select((revisions::version, revisions::bytes)).get_result::<(i64, i64)>(connection);
    let Some((version, bytes)) = row.optional()? else { return Ok(None) };
    let users = deleted_icp_users::table.filter(deleted_icp_users::icp_id.eq(&id));
    diesel::delete(users.filter(deleted_icp_users::version.eq(version))).execute(connection)?;
    let end_of_delete =
        (revisions::is_deleted.eq(false), revisions::creator.eq(None::<&str>), revisions::bytes.eq(0));
    diesel::update(delete).set(end_of_delete).execute(connection)?;
    Ok(Some(bytes))
}

/// Removes at most 20 revisions that were replaced before `replaced_before`, and returns their number. The limit is
/// small because a document can have 2 MiB, or 16 MiB if it was imported, and other writes wait.
pub(crate) fn remove_old(connection: &mut SqliteConnection, replaced_before: Timestamp) -> QueryResult<u64> {
    #[derive(QueryableByName)]
    struct Removed {
        #[diesel(sql_type = Binary)]
        icp_id: Vec<u8>,
        #[diesel(sql_type = Nullable<BigInt>)]
        bytes: Option<i64>,
    }
    let delete = diesel::sql_query(
        "DELETE FROM icp_revisions WHERE number IN \
         (SELECT number FROM icp_revisions WHERE replaced_at < ? ORDER BY replaced_at LIMIT 20) \
         RETURNING icp_id, octet_length(document) AS bytes",
    );
    let removed: Vec<Removed> = delete.bind::<BigInt, _>(replaced_before.unix_millis()).load(connection)?;
    let updates = [
        "UPDATE icps SET history_bytes = max(history_bytes - ?, 0) WHERE id = ?",
        "UPDATE icp_revisions SET bytes = max(bytes - ?, 0) WHERE icp_id = ? AND is_deleted",
    ];
    for Removed { icp_id, bytes } in &removed {
        for update in updates {
            let update = diesel::sql_query(update).bind::<BigInt, _>(bytes.unwrap_or_default());
            update.bind::<Binary, _>(icp_id).execute(connection)?;
        }
    }
    Ok(removed.len() as u64)
}

/// The last delete of an ICP that is still deleted.
#[derive(QueryableByName)]
pub(crate) struct LastDelete {
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) creator: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub(crate) bytes: i64,
}

/// Returns the last delete of an ICP if the delete has the given version. Returns `None` if the ICP exists, was deleted
/// again, was never deleted, or if the delete was removed.
pub(crate) fn last_delete(
    connection: &mut SqliteConnection,
    id: IcpId,
    version: Version,
) -> QueryResult<Option<LastDelete>> {
    let query = diesel::sql_query(
        "SELECT creator, bytes FROM icp_revisions AS last WHERE icp_id = ?1 AND version = ?2 AND is_deleted \
         AND NOT EXISTS (SELECT 1 FROM icps WHERE id = ?1) \
         AND NOT EXISTS (SELECT 1 FROM icp_revisions AS newer WHERE newer.icp_id = ?1 AND newer.version > ?2)",
    );
    let query = query.bind::<Binary, _>(id.as_uuid().into_bytes()).bind::<BigInt, _>(version.0);
    query.get_result(connection).optional()
}

/// Returns whether a user had access to a deleted ICP when it was deleted. `user_id` is `None` for an admin, who always
/// had access. Returns `None` if the ICP is not deleted, or was deleted before `since`.
pub(crate) fn was_accessible(
    connection: &mut SqliteConnection,
    id: IcpId,
    user_id: Option<&UserId>,
    since: Timestamp,
) -> QueryResult<Option<bool>> {
    #[derive(QueryableByName)]
    struct Access {
        #[diesel(sql_type = Bool)]
        is_in_scope: bool,
    }
    let query = diesel::sql_query(
        "SELECT ?2 IS NULL OR EXISTS (SELECT 1 FROM deleted_icp_users AS users \
         WHERE users.user_id = ?2 AND users.version = last.version AND users.icp_id = last.icp_id) AS is_in_scope \
         FROM icp_revisions AS last WHERE icp_id = ?1 AND is_deleted AND replaced_at >= ?3 \
         ORDER BY version DESC LIMIT 1",
    );
    let query = query
        .bind::<Binary, _>(id.as_uuid().into_bytes())
        .bind::<Nullable<Text>, _>(user_id.map(UserId::as_str))
        .bind::<BigInt, _>(since.unix_millis());
    Ok(query.get_result::<Access>(connection).optional()?.map(|access| access.is_in_scope))
}
