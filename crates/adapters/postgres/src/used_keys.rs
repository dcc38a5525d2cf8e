//! Idempotency keys, and what came of the creates that they first came with.

use std::sync::Arc;

use diesel::{OptionalExtension as _, QueryDsl as _, QueryResult};
use diesel_async::RunQueryDsl as _;
use icp_domain::Timestamp;
use icp_ports::{Creation, IdempotencyKey, StoredIcp};
use uuid::Uuid;

use crate::connection::Connection;
use crate::schema::idempotency_keys as keys;

/// What a key that is in use says of a create.
pub(crate) async fn look_up(connection: Arc<Connection>, key: &IdempotencyKey) -> QueryResult<Creation> {
    let used = keys::table
        .find((key.user_id.as_str(), key.key.as_str()))
        .select((keys::fingerprint, keys::icp_id, keys::version, keys::document))
        .get_result::<(Vec<u8>, Uuid, i64, String)>(&mut &**connection)
        .await
        .optional()?;
    Ok(match used {
        Some((fingerprint, id, version, json)) if fingerprint == key.fingerprint => {
            Creation::Repeated(StoredIcp { id: id.into(), version: version.into(), json })
        }
        Some(_) => Creation::KeyReused,
        // It has been removed a moment ago.
        None => Creation::InProgress,
    })
}

/// A few, since each may be a mebibyte long, and none that another instance is removing or a create is taking over.
pub(crate) async fn remove_expired(connection: Arc<Connection>, now: Timestamp) -> QueryResult<u64> {
    let oldest = IdempotencyKey::oldest_that_counts(now).as_datetime();
    let statement = "DELETE FROM idempotency_keys WHERE (user_id, key) IN \
                     (SELECT user_id, key FROM idempotency_keys WHERE created_at < $1 LIMIT 20 FOR UPDATE SKIP LOCKED)";
    diesel::sql_query(statement)
        .bind::<diesel::sql_types::Timestamptz, _>(oldest)
        .execute(&mut &**connection)
        .await
        .map(|removed| removed as u64)
}
