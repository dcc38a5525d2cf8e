//! Reads and removes idempotency keys. The row of a key contains the ICP that was stored by the first create with
//! this key.

use diesel::sql_types::Timestamptz;
use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use icp_domain::{Timestamp, UserId};
use icp_ports::{Creation, IdempotencyKey, StoredIcp, Version};
use uuid::Uuid;

use crate::schema::idempotency_keys as keys;

/// Returns [`Creation::Repeated`] or [`Creation::KeyReused`] if this user has already used the key for a create, and
/// `None` otherwise. Ignores keys that were first used before `oldest_valid`.
pub(crate) async fn look_up_key(
    connection: &mut AsyncPgConnection,
    user_id: &UserId,
    key: &IdempotencyKey,
    oldest_valid: Timestamp,
) -> QueryResult<Option<Creation>> {
    let used = keys::table
        .find((user_id.as_str(), key.key.as_str()))
        .filter(keys::created_at.ge(oldest_valid.as_datetime()))
        .select((keys::fingerprint, keys::icp_id, keys::version, keys::document))
        .first::<(Vec<u8>, Uuid, i64, String)>(connection)
        .await
        .optional()?;
    Ok(used.map(|(fingerprint, id, version, json)| {
        if fingerprint == key.fingerprint {
            Creation::Repeated(StoredIcp { id: id.into(), version: Version(version), json })
        } else {
            Creation::KeyReused
        }
    }))
}

/// Removes at most 20 keys that have expired at `now`, and returns their number. The limit is small because
/// the document of a key can have 2 MiB. Skips keys that another transaction has locked.
pub(crate) async fn remove_expired_keys(
    connection: &mut AsyncPgConnection,
    now: Timestamp,
) -> QueryResult<usize> {
    let statement = "DELETE FROM idempotency_keys WHERE (user_id, key) IN \
                     (SELECT user_id, key FROM idempotency_keys WHERE created_at < $1 LIMIT 20 FOR UPDATE SKIP LOCKED)";
    let oldest = IdempotencyKey::oldest_valid(now).as_datetime();
    diesel::sql_query(statement).bind::<Timestamptz, _>(oldest).execute(connection).await
}
