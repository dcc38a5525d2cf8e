//! Reads the columns of a row without copying documents, which diesel's `Queryable` would copy.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::deserialize::FromSql;
use diesel::pg::Pg;
use diesel::result::Error;
use diesel::row::{Field as _, Row};
use diesel::sql_types::{BigInt, Timestamptz, Uuid as SqlUuid};
use icp_domain::{IcpId, Timestamp};
use icp_ports::Version;
use uuid::Uuid;

/// Returns the value of column `index`, which has the SQL type `S`.
pub(crate) fn column<'a, S, T: FromSql<S, Pg>>(row: &impl Row<'a, Pg>, index: usize) -> QueryResult<T> {
    let field = row.get(index).ok_or(Error::NotFound)?;
    T::from_nullable_sql(field.value()).map_err(Error::DeserializationError)
}

/// Calls `read` with the text of column `index`, or with `None` for NULL.
pub(crate) fn text<'a, T>(
    row: &impl Row<'a, Pg>,
    index: usize,
    read: impl FnOnce(Option<&str>) -> T,
) -> QueryResult<T> {
    let field = row.get(index).ok_or(Error::NotFound)?;
    let Some(value) = field.value() else { return Ok(read(None)) };
    let text = std::str::from_utf8(value.as_bytes());
    text.map(|text| read(Some(text))).map_err(|error| Error::DeserializationError(error.into()))
}

/// Returns the ID in column `index` and the version in the next column.
pub(crate) fn id_and_version<'a>(row: &impl Row<'a, Pg>, index: usize) -> QueryResult<(IcpId, Version)> {
    Ok((column::<SqlUuid, Uuid>(row, index)?.into(), Version(column::<BigInt, _>(row, index + 1)?)))
}

/// Returns the time in column `index`.
pub(crate) fn time<'a>(row: &impl Row<'a, Pg>, index: usize) -> QueryResult<Timestamp> {
    let time: DateTime<Utc> = column::<Timestamptz, _>(row, index)?;
    Timestamp::try_from(time).map_err(|error| Error::DeserializationError(error.into()))
}
