//! Checks the quotas of creators.

use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use icp_domain::IcpDocument;
use icp_ports::{Creator, Quota, Stamp, Version};

use crate::revision::LastDelete;
use crate::schema::{icp_revisions as revisions, icps, idempotency_keys as keys};
use crate::write::document_bytes;

/// Returns true if a new ICP is within the quota of its creator. With an idempotency key, the document counts twice,
/// because the key stores a copy.
pub(crate) fn allows_insert(
    connection: &mut SqliteConnection,
    document: &IcpDocument,
    creator: &Creator,
    has_key: bool,
) -> QueryResult<bool> {
    let usage = Usage::load(connection, creator.user_id.as_str())?;
    let added = document.json().len() as u64 * if has_key { 2 } else { 1 };
    Ok(usage.icps.max(usage.keys).max(usage.deleted) < creator.quota.icps
        && usage.bytes + added <= creator.quota.bytes)
}

/// Returns true if a change of the ICP is within the quota of its creator, or if [`Quota::is_counted`] is false. If the
/// ICP has no creator, only the bytes of the ICP and its history are compared with the quota. Also returns true if the
/// ICP does not have the version `expected`, because the change then fails anyway.
pub(crate) fn allows_change(
    connection: &mut SqliteConnection,
    document: &IcpDocument,
    expected: Version,
    quota: Quota,
    stamp: &Stamp,
) -> QueryResult<bool> {
    let before = icps::table.filter(icps::id.eq(document.id().as_uuid().into_bytes()));
    let before = before.filter(icps::version.eq(expected.0));
    let before = before.select((icps::creator, document_bytes(), icps::history_bytes));
    let before = before.first::<(Option<String>, i64, i64)>(connection).optional()?;
    let Some((creator, old, history)) = before else { return Ok(true) };
    let (old, history) = (old.unsigned_abs(), history.unsigned_abs());
    let before = history + old;
    let after = history + document.json().len() as u64 + if stamp.keeps_replaced { old } else { 0 };
    if !quota.is_counted(before, after) {
        return Ok(true);
    }
    let used = match creator {
        Some(creator) => Usage::load(connection, &creator)?.bytes,
        None => before,
    };
    Ok(used + after - before <= quota.bytes)
}

/// Returns true if a deleted ICP can be restored within the quota of its creator. The usage already includes the
/// history of the ICP. If the ICP has no creator, only the bytes of the ICP and its history are compared with the
/// quota.
pub(crate) fn allows_undelete(
    connection: &mut SqliteConnection,
    document: &IcpDocument,
    last: &LastDelete,
    quota: Quota,
) -> QueryResult<bool> {
    let (icps, bytes) = match &last.creator {
        Some(creator) => {
            let usage = Usage::load(connection, creator)?;
            (usage.icps + 1, usage.bytes)
        }
        None => (0, last.bytes.unsigned_abs()),
    };
    Ok(icps <= quota.icps && bytes + document.json().len() as u64 <= quota.bytes)
}

/// The stored data that counts for the quota of a user.
struct Usage {
    icps: u64,
    keys: u64,
    /// The number of deleted ICPs.
    deleted: u64,
    /// The bytes of the ICPs, their histories, the histories of deleted ICPs, and the documents of the keys.
    bytes: u64,
}

impl Usage {
    /// Reads the usage of a user.
    fn load(connection: &mut SqliteConnection, user_id: &str) -> QueryResult<Self> {
        let sum = sql::<Nullable<BigInt>>("sum(octet_length(document)) + sum(history_bytes)");
        let columns = (count_star(), sum);
        let created = icps::table.filter(icps::creator.eq(user_id)).select(columns);
        let (icps, icp_bytes) = created.first::<(i64, Option<i64>)>(connection)?;
        let columns = (count_star(), sql::<Nullable<BigInt>>("sum(octet_length(document))"));
        let used = keys::table.filter(keys::user_id.eq(user_id)).select(columns);
        let (keys, key_bytes) = used.first::<(i64, Option<i64>)>(connection)?;
        let columns = (count_star(), sql::<Nullable<BigInt>>("sum(bytes)"));
        let deleted = revisions::table.filter(revisions::creator.eq(user_id)).select(columns);
        let (deleted, deleted_bytes) = deleted.first::<(i64, Option<i64>)>(connection)?;
        let bytes = [icp_bytes, key_bytes, deleted_bytes].into_iter().flatten().sum::<i64>();
        Ok(Self {
            icps: icps.unsigned_abs(),
            keys: keys.unsigned_abs(),
            deleted: deleted.unsigned_abs(),
            bytes: bytes.unsigned_abs(),
        })
    }
}
