//! What creators have stored, against their quotas.

use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use icp_domain::IcpDocument;
use icp_ports::{Creator, Quota};

use crate::schema::{icps, idempotency_keys as keys};

/// Returns true if a new ICP, and a copy of it if there is a key, is within the quota of its creator.
pub(crate) fn allows_insert(
    connection: &mut SqliteConnection,
    document: &IcpDocument,
    creator: &Creator,
    has_key: bool,
) -> QueryResult<bool> {
    let usage = Usage::of(connection, creator.user_id.as_str())?;
    let added = document.json().len() as u64 * if has_key { 2 } else { 1 };
    Ok(usage.icps.max(usage.keys) < creator.quota.icps && usage.bytes + added <= creator.quota.bytes)
}

/// Returns true if a new state of an ICP needs not be counted, or is within the quota of its creator.
pub(crate) fn allows_change(
    connection: &mut SqliteConnection,
    document: &IcpDocument,
    quota: Quota,
) -> QueryResult<bool> {
    let length = document.json().len() as u64;
    if length <= quota.uncounted_bytes() {
        return Ok(true);
    }
    let before = icps::table.filter(icps::id.eq(document.id().as_uuid().into_bytes()));
    let before = before.select((icps::creator, sql::<BigInt>("octet_length(document)")));
    let before = before.first::<(Option<String>, i64)>(connection).optional()?;
    let Some((Some(creator), before)) = before else { return Ok(true) };
    let growth = length.saturating_sub(before.unsigned_abs());
    Ok(growth == 0 || Usage::of(connection, &creator)?.bytes + growth <= quota.bytes)
}

/// What a user has created.
struct Usage {
    icps: u64,
    keys: u64,
    bytes: u64,
}

impl Usage {
    fn of(connection: &mut SqliteConnection, user_id: &str) -> QueryResult<Self> {
        let columns = (count_star(), sql::<Nullable<BigInt>>("sum(octet_length(document))"));
        let created = icps::table.filter(icps::creator.eq(user_id)).select(columns);
        let (icps, icp_bytes) = created.first::<(i64, Option<i64>)>(connection)?;
        let columns = (count_star(), sql::<Nullable<BigInt>>("sum(octet_length(document))"));
        let used = keys::table.filter(keys::user_id.eq(user_id)).select(columns);
        let (keys, key_bytes) = used.first::<(i64, Option<i64>)>(connection)?;
        let bytes = icp_bytes.unwrap_or_default() + key_bytes.unwrap_or_default();
        Ok(Self { icps: icps.unsigned_abs(), keys: keys.unsigned_abs(), bytes: bytes.unsigned_abs() })
    }
}
