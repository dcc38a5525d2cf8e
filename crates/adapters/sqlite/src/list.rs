//! Lists and their versions, built from the rows of [`list_query`].

use std::sync::atomic::Ordering;

use diesel::prelude::*;
use diesel::row::{Field as _, Row};
use diesel::sql_types::BigInt;
use diesel::sqlite::{Sqlite, SqliteValue};
use icp_domain::{IcpId, Timestamp};
use icp_ports::{ListCursor, ListQuery, ListVersion, Sort, SortKey, Version};
use icp_storage::ListBuilder;
use uuid::Uuid;

use crate::error::{TransactionError, invalid_value, unavailable};
use crate::list_query;
use crate::pool::Job;

/// The part of a list that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Documents until the list is full, and all other rows without documents, for the version.
    List,
    /// Documents until the list is full, and one additional row, which shows whether more ICPs follow.
    Part,
    /// All rows without documents, for the version.
    Version,
}

/// Maximum number of rows of a list that a job reads before it waits for the permit for long reads.
const MAX_SHORT_ROWS: usize = 256;
/// Maximum length in bytes of the documents that a job reads before it waits for the permit for long reads.
const MAX_SHORT_BYTES: usize = 64 * 1024;

/// Returns the version of a list. For a complete list, uses the cached version if the database has not changed since
/// this version was read.
pub(crate) fn version(job: &mut Job<'_>, query: &ListQuery) -> Result<ListVersion, TransactionError> {
    let read = |job: &mut Job<'_>| Ok(read(job, query, Extent::Version)?.0.finish(None).version);
    if !query.is_everything() {
        return read(job);
    }
    // Every commit of another connection changes `data_version` (https://sqlite.org/pragma.html#pragma_data_version).
    let data_version = diesel::dsl::sql::<BigInt>("PRAGMA data_version");
    let (state, user_id) = (data_version.get_result(&mut job.session.connection)?, query.scope.user_id());
    job.session.versions.enter(state);
    if let Some(version) = job.session.versions.get(user_id) {
        return Ok(version);
    }
    let version = read(job)?;
    job.session.versions.insert(&state, user_id, version);
    Ok(version)
}

/// A list and, if the list is full, a cursor to its last document.
type ListAndCursor = (ListBuilder, Option<ListCursor>);

pub(crate) fn read(
    job: &mut Job<'_>,
    query: &ListQuery,
    extent: Extent,
) -> Result<ListAndCursor, TransactionError> {
    let (mut list, mut end) = (ListBuilder::for_query(query), None);
    let (mut row_count, mut bytes) = (0, 0);
    let wants_documents = &job.session.wants_documents;
    wants_documents.store(extent != Extent::Version, Ordering::Relaxed);
    for row in list_query::rows(&mut job.session.connection, query)? {
        if (job.is_abandoned)() {
            return Err(unavailable("the caller no longer waits for the list").into());
        }
        let (row, was_full) = (row?, list.is_full());
        let id = column(&row, 0, |mut value| Uuid::from_slice(value.read_blob()).ok()).flatten();
        let id = IcpId::from(id.ok_or_else(|| invalid_value("icp_members.icp_id", "a row of a list"))?);
        let version = column(&row, 1, |mut value| value.read_long());
        let version = version.ok_or_else(|| invalid_value("icps.version", id)).map(Version)?;
        let is_added = column(&row, 3, |mut value| {
            let document = value.read_text();
            bytes += document.len();
            list.push(id, version, Some(document))
        });
        let is_added = is_added.unwrap_or_else(|| list.push(id, version, None));
        row_count += 1;
        if is_added && list.is_full() {
            let key = sort_key(query.sort(), &row).ok_or_else(|| invalid_value("the sort key", id))?;
            end = Some(ListCursor { key, id });
            wants_documents.store(false, Ordering::Relaxed);
        }
        if was_full && extent == Extent::Part {
            break;
        }
        if let Some(long_read) = &mut job.long_read
            && (row_count > MAX_SHORT_ROWS || bytes > MAX_SHORT_BYTES)
        {
            long_read.begin();
        }
    }
    Ok((list, end))
}

fn sort_key<'a>(sort: Sort, row: &impl Row<'a, Sqlite>) -> Option<SortKey> {
    let time = || column(row, 2, |mut value| value.read_long()).and_then(Timestamp::from_unix_millis);
    match sort {
        Sort::CreatedAt => time().map(SortKey::CreatedAt),
        Sort::UpdatedAt => time().map(SortKey::UpdatedAt),
        Sort::Name => column(row, 2, |mut value| SortKey::Name(value.read_text().to_owned())),
        // Without `activeUntil`, the sort key is not a valid time.
        Sort::ActiveUntil => Some(SortKey::ActiveUntil(time())),
    }
}

/// Reads a column without copying its text, which diesel's `Queryable` would copy. Returns `None` for NULL.
fn column<'a, T>(row: &impl Row<'a, Sqlite>, index: usize, read: impl FnOnce(SqliteValue) -> T) -> Option<T> {
    row.get(index)?.value().map(read)
}
