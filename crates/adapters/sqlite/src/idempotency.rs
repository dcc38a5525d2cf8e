//! Idempotency keys, and the results of the creates that used them.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use icp_domain::{IcpDocument, Timestamp, UserId};
use icp_ports::{Creation, IdempotencyKey, StoredIcp, Version};
use uuid::Uuid;

use crate::error::{TransactionError, invalid_value};
use crate::schema::idempotency_keys as keys;

/// Returns [`Creation::Repeated`] or [`Creation::KeyReused`] if an earlier create has used this key of a user and
/// the key has not expired.
pub(crate) fn look_up_key(
    connection: &mut SqliteConnection,
    user_id: &UserId,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<Creation>, TransactionError> {
    let used = keys::table
        .find((user_id.as_str(), key.key.as_str()))
        .filter(keys::created_at.ge(IdempotencyKey::oldest_valid(now).unix_millis()))
        .select((keys::fingerprint, keys::icp_id, keys::version, keys::document))
        .get_result::<(Vec<u8>, Vec<u8>, i64, String)>(connection)
        .optional()?;
    let Some((fingerprint, id, version, json)) = used else { return Ok(None) };
    if fingerprint != key.fingerprint {
        return Ok(Some(Creation::KeyReused));
    }
    let id =
        Uuid::from_slice(&id).map_err(|_| invalid_value("idempotency_keys.icp_id", "an idempotency key"))?;
    Ok(Some(Creation::Repeated(StoredIcp { id: id.into(), version: Version(version), json })))
}

/// Stores the key with the result of its create. Replaces an expired key.
pub(crate) fn store_key(
    connection: &mut SqliteConnection,
    user_id: &UserId,
    key: &IdempotencyKey,
    document: &IcpDocument,
    version: Version,
) -> QueryResult<()> {
    let row = (
        keys::user_id.eq(user_id.as_str()),
        keys::key.eq(key.key.as_str()),
        keys::fingerprint.eq(key.fingerprint),
        keys::created_at.eq(document.created_at().unix_millis()),
        keys::icp_id.eq(document.id().as_uuid().into_bytes()),
        keys::version.eq(version.0),
        keys::document.eq(document.json()),
    );
    diesel::replace_into(keys::table).values(row).execute(connection).map(drop)
}

/// Removes at most 20 expired keys, and returns their number. The limit is small because the document of a key can
/// have 2 MiB and other writes wait.
pub(crate) fn remove_expired_keys(connection: &mut SqliteConnection, now: Timestamp) -> QueryResult<u64> {
    let delete = diesel::sql_query(
        "DELETE FROM idempotency_keys WHERE rowid IN \
         (SELECT rowid FROM idempotency_keys WHERE created_at < ? LIMIT 20)",
    );
    let oldest_valid = IdempotencyKey::oldest_valid(now).unix_millis();
    delete.bind::<BigInt, _>(oldest_valid).execute(connection).map(|removed| removed as u64)
}
