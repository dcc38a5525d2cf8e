//! Idempotency keys, and what came of the creates that they first came with.

use std::sync::Arc;

use diesel::QueryDsl as _;
use diesel::sql_types::Timestamptz;
use icp_domain::Timestamp;
use icp_ports::{Creation, IdempotencyKey, StoredIcp};

use crate::connection::Connection;
use crate::error::QueryError;
use crate::schema::idempotency_keys as keys;

/// What a key that is in use says of a create.
pub(crate) async fn look_up(
    connection: Arc<Connection>,
    key: &IdempotencyKey,
) -> Result<Creation, QueryError> {
    let used = keys::table.find((key.user_id.as_str(), key.key.as_str())).select((
        keys::fingerprint,
        keys::icp_id,
        keys::version,
        keys::document,
    ));
    let Some(row) = connection.first(&used).await? else {
        // It has been removed a moment ago.
        return Ok(Creation::InProgress);
    };
    if row.try_get::<_, &[u8]>(0)? != key.fingerprint {
        return Ok(Creation::KeyReused);
    }
    let (id, version) = (row.try_get::<_, uuid::Uuid>(1)?, row.try_get::<_, i64>(2)?);
    Ok(Creation::Repeated(StoredIcp { id: id.into(), version: version.into(), json: row.try_get(3)? }))
}

/// A few, since each may be a mebibyte long, and none that another instance is removing or a create is taking over.
pub(crate) async fn remove_expired(connection: Arc<Connection>, now: Timestamp) -> Result<u64, QueryError> {
    let oldest = IdempotencyKey::oldest_that_counts(now).as_datetime();
    let statement = "WITH gone AS (DELETE FROM idempotency_keys WHERE (user_id, key) IN \
                     (SELECT user_id, key FROM idempotency_keys WHERE created_at < $1 LIMIT 20 FOR UPDATE SKIP LOCKED) \
                     RETURNING 1) SELECT count(*) FROM gone";
    let removed = connection.first(&diesel::sql_query(statement).bind::<Timestamptz, _>(oldest)).await?;
    let removed = removed.map(|row| row.try_get::<_, i64>(0)).transpose()?;
    Ok(removed.and_then(|removed| u64::try_from(removed).ok()).unwrap_or_default())
}
