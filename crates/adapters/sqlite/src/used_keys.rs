//! Idempotency keys, and what came of the creates that they first came with.

use diesel::{
    ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult, RunQueryDsl as _,
    SqliteConnection,
};
use icp_domain::{IcpDocument, Timestamp};
use icp_ports::{Creation, IdempotencyKey, StoredIcp, Version};
use uuid::Uuid;

use crate::rows::id_bytes;
use crate::schema::idempotency_keys as keys;

/// What a key says of a create; `None` when it is not in use.
pub(crate) fn look_up(
    connection: &mut SqliteConnection,
    key: &IdempotencyKey,
    now: Timestamp,
) -> QueryResult<Option<Creation>> {
    let used = keys::table
        .find((key.user_id.as_str(), key.key.as_str()))
        .filter(keys::created_at.ge(IdempotencyKey::oldest_that_counts(now).unix_millis()))
        .select((keys::fingerprint, keys::icp_id, keys::version, keys::document))
        .get_result::<(Vec<u8>, Vec<u8>, i64, String)>(connection)
        .optional()?;
    let Some((fingerprint, id, version, json)) = used else { return Ok(None) };
    if fingerprint != key.fingerprint {
        return Ok(Some(Creation::KeyReused));
    }
    let id =
        Uuid::from_slice(&id).map_err(|error| diesel::result::Error::DeserializationError(error.into()))?;
    Ok(Some(Creation::Repeated(StoredIcp { id: id.into(), version: version.into(), json })))
}

/// In the place of one whose time is over.
pub(crate) fn store(
    connection: &mut SqliteConnection,
    key: &IdempotencyKey,
    document: &IcpDocument,
    version: Version,
) -> QueryResult<()> {
    diesel::replace_into(keys::table)
        .values((
            keys::user_id.eq(key.user_id.as_str()),
            keys::key.eq(key.key.as_str()),
            keys::fingerprint.eq(key.fingerprint.as_slice()),
            keys::created_at.eq(document.created_at().unix_millis()),
            keys::icp_id.eq(id_bytes(document.id())),
            keys::version.eq(version.number()),
            keys::document.eq(document.json()),
        ))
        .execute(connection)
        .map(drop)
}

/// A few, since each may be a mebibyte long, and nobody else writes meanwhile.
pub(crate) fn remove_expired(connection: &mut SqliteConnection, now: Timestamp) -> QueryResult<u64> {
    diesel::sql_query(
        "DELETE FROM idempotency_keys WHERE rowid IN \
         (SELECT rowid FROM idempotency_keys WHERE created_at < ? LIMIT 20)",
    )
    .bind::<diesel::sql_types::BigInt, _>(IdempotencyKey::oldest_that_counts(now).unix_millis())
    .execute(connection)
    .map(|removed| removed as u64)
}
