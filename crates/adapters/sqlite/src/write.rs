//! Writes the rows of one ICP, for requests and for imports.

use std::time::{SystemTime, UNIX_EPOCH};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use icp_domain::{ChangedFields, IcpChange, IcpDocument, IcpId, Operation, Timestamp, UserId};
use icp_ports::{Stamp, Version};

use crate::revision;
use crate::schema::{icp_members, icps};

/// The author, time, operation and changed fields of a change, which the history shows.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) stamp: &'a Stamp,
    pub(crate) operation: Operation,
    pub(crate) changed: &'a ChangedFields,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(change: &'a IcpChange, stamp: &'a Stamp) -> Self {
        Self { stamp, operation: change.operation(), changed: change.changed() }
    }
}

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

/// The values of the columns of `icps` that depend on the change.
#[diesel::dsl::auto_type(no_type_alias)]
fn entry_columns<'a>(entry: Entry<'a>) -> _ {
    let changed_at: i64 = entry.stamp.at.unix_millis();
    let changed_by: Option<&'a str> = entry.stamp.author.by.as_ref().map(UserId::as_str);
    let actor: Option<&'a str> = entry.stamp.author.actor.as_ref().map(UserId::as_str);
    let (source, operation): (&'a str, &'a str) =
        (entry.stamp.author.source.as_str(), entry.operation.as_str());
    let changed: &'a str = entry.changed.as_json();
    (
        icps::changed_at.eq(changed_at),
        icps::changed_by.eq(changed_by),
        icps::actor.eq(actor),
        icps::source.eq(source),
        icps::operation.eq(operation),
        icps::changed.eq(changed),
    )
}

/// The values of a new row of `icps` that come neither from the document nor from the change. If an import replaces the
/// ICP, they come from the removed row. If the ICP is restored, they come from its delete. For a create, only the
/// creator is set. For a new ICP of an import, none is set.
#[derive(Default)]
pub(crate) struct RowOrigin {
    pub(crate) creator: Option<UserId>,
    /// The version of the removed row or of the delete. The new version is higher.
    pub(crate) version: Option<Version>,
    pub(crate) history_bytes: i64,
}

/// Inserts an ICP. Its version is above `origin.version`. If an ICP with this ID exists, returns `None` and changes
/// nothing.
pub(crate) fn insert(
    connection: &mut SqliteConnection,
    document: &IcpDocument,
    origin: &RowOrigin,
    entry: Entry<'_>,
) -> QueryResult<Option<Version>> {
    let version = version_after(origin.version);
    let row = (
        icps::id.eq(document.id().as_uuid().into_bytes()),
        icps::version.eq(version),
        icps::creator.eq(origin.creator.as_ref().map(UserId::as_str)),
        icps::history_bytes.eq(origin.history_bytes),
        columns(document),
        entry_columns(entry),
    );
    let insert = diesel::insert_into(icps::table).values(row).on_conflict(icps::id).do_nothing();
    let number = insert.returning(icps::number).get_result::<i64>(connection).optional()?;
    let Some(number) = number else { return Ok(None) };
    insert_members(connection, number, document, document.user_ids())?;
    Ok(Some(Version(version)))
}

/// Deletes an ICP, which must exist, and its rows in `icp_members`, without a revision. An import then inserts the new
/// state of the ICP.
pub(crate) fn remove_for_import(connection: &mut SqliteConnection, id: IcpId) -> QueryResult<RowOrigin> {
    let stored = icps::table.filter(icps::id.eq(id.as_uuid().into_bytes()));
    let removed = diesel::delete(stored).returning((icps::creator, icps::version, icps::history_bytes));
    let (creator, version, history_bytes) = removed.get_result::<(Option<String>, i64, i64)>(connection)?;
    let creator = creator.and_then(|creator| creator.try_into().ok());
    Ok(RowOrigin { creator, version: Some(Version(version)), history_bytes })
}

/// Changes the ICP, and returns its new version. If the ICP does not have the version `expected`, returns `None` and
/// changes nothing.
pub(crate) fn change(
    connection: &mut SqliteConnection,
    change: &IcpChange,
    expected: Version,
    stamp: &Stamp,
) -> QueryResult<Option<Version>> {
    let (document, id) = (change.document(), change.id().as_uuid().into_bytes());
    let (created_at, version) = (document.created_at().unix_millis(), version_after(Some(expected)));
    // This call stores nothing if the ICP has another version.
    let kept_bytes = revision::store_replaced(connection, change.id(), expected, stamp)?;
    let stored = icps::table.filter(icps::id.eq(&id)).filter(icps::version.eq(expected.0));
    let update = diesel::update(stored).set((
        icps::version.eq(version),
        icps::history_bytes.eq(icps::history_bytes + kept_bytes),
        columns(document),
        entry_columns(Entry::new(change, stamp)),
    ));
    let number = update.returning(icps::number).get_result::<i64>(connection).optional()?;
    let Some(number) = number else { return Ok(None) };
    for user_id in change.removed_users() {
        let member = icp_members::table.find((user_id.as_str(), created_at, &id));
        diesel::delete(member).execute(connection)?;
    }
    insert_members(connection, number, document, change.added_users())?;
    Ok(Some(Version(version)))
}

/// Deletes the ICP and its rows in `icp_members`. Returns false and changes nothing if the ICP does not have the
/// version `expected`.
pub(crate) fn delete(
    connection: &mut SqliteConnection,
    id: IcpId,
    expected: Version,
    stamp: &Stamp,
) -> QueryResult<bool> {
    // Both calls store nothing if the ICP has another version.
    revision::store_replaced(connection, id, expected, stamp)?;
    revision::store_delete(connection, id, expected, stamp, version_after(Some(expected)))?;
    let stored =
        icps::table.filter(icps::id.eq(id.as_uuid().into_bytes())).filter(icps::version.eq(expected.0));
    diesel::delete(stored).execute(connection).map(|deleted| deleted > 0)
}

/// SQL that returns the length of a document in bytes. SQLite computes it without reading the document.
pub(crate) fn document_bytes() -> diesel::expression::SqlLiteral<BigInt> {
    sql::<BigInt>("octet_length(document)")
}

/// Inserts users of an ICP with one statement per user, because the number of values in a statement is limited.
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

/// Returns a new version: the microseconds since 1970, or the successor of `version` if that is higher. Versions are
/// times, so an ICP that was deleted and is created again has a higher version than before, unless the clock was set
/// back.
#[expect(
    clippy::disallowed_methods,
    reason = "the version needs microseconds, and SQLite's own clock has only milliseconds"
)]
fn version_after(version: Option<Version>) -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let next = version.map_or(1, |version| version.0.saturating_add(1));
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX).max(next)
}
