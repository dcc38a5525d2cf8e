//! One ICP's rows, written by requests and imports alike.

use std::time::{SystemTime, UNIX_EPOCH};

use diesel::{
    ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult, RunQueryDsl as _,
    SqliteConnection,
};
use icp_domain::{IcpDocument, IcpId, Timestamp, UserId};

use crate::schema::{icp_members, icps};

/// A row of `icps`.
pub(crate) struct Row {
    pub(crate) number: i64,
    pub(crate) version: i64,
}

pub(crate) fn id_bytes(id: IcpId) -> Vec<u8> {
    id.as_uuid().as_bytes().to_vec()
}

/// Inserts an ICP with its members; `None`, and nothing is done, when its id is there already.
pub(crate) fn insert(connection: &mut SqliteConnection, document: &IcpDocument) -> QueryResult<Option<Row>> {
    let row = diesel::insert_into(icps::table)
        .values((
            icps::id.eq(id_bytes(document.id())),
            icps::version.eq(now()),
            icps::name.eq(document.name()),
            icps::created_at.eq(document.created_at().unix_millis()),
            icps::updated_at.eq(document.updated_at().unix_millis()),
            icps::active_until.eq(document.active_until().map(Timestamp::unix_millis)),
            icps::document.eq(document.json()),
            icps::name_folded.eq(document.folded_name()),
            icps::providers.eq(document.providers().as_str()),
        ))
        .on_conflict(icps::id)
        .do_nothing()
        .returning((icps::number, icps::version))
        .get_result(connection)
        .optional()?;
    let Some((number, version)) = row else { return Ok(None) };
    insert_members(connection, number, document, document.members())?;
    Ok(Some(Row { number, version }))
}

diesel::define_sql_function! {
    /// The greater of two numbers.
    #[sql_name = "max"]
    fn greatest(one: diesel::sql_types::BigInt, other: diesel::sql_types::BigInt) -> diesel::sql_types::BigInt;
}

/// Versions follow the time, in microseconds: an ICP that comes back after it was deleted, or after a database was restored
/// from a backup, goes on above what it had.
#[expect(
    clippy::disallowed_methods,
    reason = "the storage's own clock, which SQLite has in milliseconds only"
)]
fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX).max(1)
}

/// Puts a document in the place of the one with its id. Its members stay as they are.
pub(crate) fn replace(connection: &mut SqliteConnection, document: &IcpDocument) -> QueryResult<Row> {
    let (number, version) = diesel::update(icps::table.filter(icps::id.eq(id_bytes(document.id()))))
        .set((
            icps::version.eq(greatest(icps::version + 1, now())),
            icps::name.eq(document.name()),
            icps::created_at.eq(document.created_at().unix_millis()),
            icps::updated_at.eq(document.updated_at().unix_millis()),
            icps::active_until.eq(document.active_until().map(Timestamp::unix_millis)),
            icps::document.eq(document.json()),
            icps::name_folded.eq(document.folded_name()),
            icps::providers.eq(document.providers().as_str()),
        ))
        .returning((icps::number, icps::version))
        .get_result(connection)?;
    Ok(Row { number, version })
}

pub(crate) fn insert_members(
    connection: &mut SqliteConnection,
    number: i64,
    document: &IcpDocument,
    members: &[UserId],
) -> QueryResult<()> {
    for member in members {
        diesel::insert_into(icp_members::table)
            .values((
                icp_members::user_id.eq(member.as_str()),
                icp_members::created_at.eq(document.created_at().unix_millis()),
                icp_members::icp_id.eq(id_bytes(document.id())),
                icp_members::icp_number.eq(number),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// One by one: a statement has room for some thousands of values only.
pub(crate) fn delete_members(
    connection: &mut SqliteConnection,
    document: &IcpDocument,
    members: &[UserId],
) -> QueryResult<()> {
    let (created_at, id) = (document.created_at().unix_millis(), id_bytes(document.id()));
    for member in members {
        let key = (member.as_str(), created_at, id.as_slice());
        diesel::delete(icp_members::table.find(key)).execute(connection)?;
    }
    Ok(())
}

pub(crate) fn delete_all_members(connection: &mut SqliteConnection, number: i64) -> QueryResult<()> {
    diesel::delete(icp_members::table.filter(icp_members::icp_number.eq(number)))
        .execute(connection)
        .map(drop)
}
