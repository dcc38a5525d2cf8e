//! The rows of one ICP, written by requests and imports alike.

use std::time::{SystemTime, UNIX_EPOCH};

use diesel::prelude::*;
use icp_domain::{IcpChange, IcpDocument, IcpId, Timestamp, UserId};
use icp_ports::Version;

use crate::schema::{icp_members, icps};

/// The values of the columns of `icps` that depend on the document.
#[diesel::dsl::auto_type(no_type_alias)]
fn columns<'a>(document: &'a IcpDocument) -> _ {
    let (name, name_folded): (&'a str, &'a str) = (document.name(), document.folded_name());
    let created_at: i64 = document.created_at().unix_millis();
    let updated_at: i64 = document.updated_at().unix_millis();
    let active_until: Option<i64> = document.active_until().map(Timestamp::unix_millis);
    let (providers, json): (&'a str, &'a str) = (document.providers().as_str(), document.json());
    (
        icps::name.eq(name),
        icps::created_at.eq(created_at),
        icps::updated_at.eq(updated_at),
        icps::active_until.eq(active_until),
        icps::name_folded.eq(name_folded),
        icps::providers.eq(providers),
        icps::document.eq(json),
    )
}

/// Inserts an ICP, at a version above `replaced`. Returns `None`, and changes nothing, if its ID is stored already.
pub(crate) fn insert(
    connection: &mut SqliteConnection,
    document: &IcpDocument,
    creator: Option<&UserId>,
    replaced: Option<Version>,
) -> QueryResult<Option<Version>> {
    let version = version_after(replaced);
    let id = icps::id.eq(document.id().as_uuid().into_bytes());
    let row =
        (id, icps::version.eq(version), icps::creator.eq(creator.map(UserId::as_str)), columns(document));
    let insert = diesel::insert_into(icps::table).values(row).on_conflict(icps::id).do_nothing();
    let number = insert.returning(icps::number).get_result::<i64>(connection).optional()?;
    let Some(number) = number else { return Ok(None) };
    insert_members(connection, number, document, document.user_ids())?;
    Ok(Some(Version(version)))
}

/// Deletes an ICP, which must exist, with its rows in `icp_members`. Returns its creator and its version.
pub(crate) fn remove(connection: &mut SqliteConnection, id: IcpId) -> QueryResult<(Option<UserId>, Version)> {
    let stored = icps::table.filter(icps::id.eq(id.as_uuid().into_bytes()));
    let removed = diesel::delete(stored).returning((icps::creator, icps::version));
    let (creator, version) = removed.get_result::<(Option<String>, i64)>(connection)?;
    Ok((creator.and_then(|creator| creator.try_into().ok()), Version(version)))
}

/// Changes the ICP at a version, and returns its new version. Returns `None`, and changes nothing, if there is none.
pub(crate) fn change(
    connection: &mut SqliteConnection,
    change: &IcpChange,
    expected: Version,
) -> QueryResult<Option<Version>> {
    let (document, id) = (change.document(), change.id().as_uuid().into_bytes());
    let (created_at, version) = (document.created_at().unix_millis(), version_after(Some(expected)));
    let stored = icps::table.filter(icps::id.eq(&id)).filter(icps::version.eq(expected.0));
    let update = diesel::update(stored).set((icps::version.eq(version), columns(document)));
    let number = update.returning(icps::number).get_result::<i64>(connection).optional()?;
    let Some(number) = number else { return Ok(None) };
    for user_id in change.left() {
        let member = icp_members::table.find((user_id.as_str(), created_at, &id));
        diesel::delete(member).execute(connection)?;
    }
    insert_members(connection, number, document, change.joined())?;
    Ok(Some(Version(version)))
}

/// Deletes the ICP at a version, and its rows in `icp_members`. Returns false if there is none.
pub(crate) fn delete(connection: &mut SqliteConnection, id: IcpId, expected: Version) -> QueryResult<bool> {
    let stored =
        icps::table.filter(icps::id.eq(id.as_uuid().into_bytes())).filter(icps::version.eq(expected.0));
    diesel::delete(stored).execute(connection).map(|deleted| deleted > 0)
}

/// Sends one statement for each user: the number of values in a statement is limited.
fn insert_members(
    connection: &mut SqliteConnection,
    number: i64,
    document: &IcpDocument,
    user_ids: &[UserId],
) -> QueryResult<()> {
    let (created_at, id) = (document.created_at().unix_millis(), document.id().as_uuid().into_bytes());
    for user_id in user_ids {
        let row = (
            icp_members::user_id.eq(user_id.as_str()),
            icp_members::created_at.eq(created_at),
            icp_members::icp_id.eq(&id),
            icp_members::icp_number.eq(number),
        );
        diesel::insert_into(icp_members::table).values(row).execute(connection)?;
    }
    Ok(())
}

/// Returns the microseconds since 1970, or more: above `version`. An ICP that is created again so gets a higher version.
#[expect(clippy::disallowed_methods, reason = "the storage's clock: that of SQLite has milliseconds only")]
fn version_after(version: Option<Version>) -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let next = version.map_or(1, |version| version.0.saturating_add(1));
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX).max(next)
}
