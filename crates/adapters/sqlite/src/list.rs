//! Lists: which ICPs a user has, in which order.

use diesel::connection::LoadConnection;
use diesel::dsl::{InnerJoin, IntoBoxed};
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::UnexpectedNullError;
use diesel::row::{Field as _, Row};
use diesel::sqlite::{Sqlite, SqliteValue};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, QueryResult, SqliteConnection,
};
use icp_domain::{IcpId, ProviderList, Timestamp, WireListBuilder};
use icp_ports::{
    Activity, Direction, IcpList, ListQuery, ListVersion, ListVersionBuilder, Place, PlaceKey, Sort,
};
use uuid::Uuid;

use crate::data_version::data_version;
use crate::readers::Reader;
use crate::rows::id_bytes;
use crate::schema::{icp_members, icps};

diesel::define_sql_function! {
    /// Where a text holds another, from 1; 0 when it does not.
    fn instr(text: diesel::sql_types::Nullable<diesel::sql_types::Text>, sought: diesel::sql_types::Text)
        -> diesel::sql_types::Nullable<diesel::sql_types::Integer>;
}

/// One walk along the primary key of `icp_members`, which is the order of the list, and a look-up for each. Of a type that
/// is known to diesel, which therefore prepares it once a connection.
#[diesel::dsl::auto_type(no_type_alias)]
fn rows_of<'a>(member: &'a str) -> _ {
    icp_members::table
        .inner_join(icps::table)
        .filter(icp_members::user_id.eq(member))
        .order((icp_members::created_at, icp_members::icp_id))
        .select((icp_members::icp_id, icps::version, icp_members::created_at, icps::document))
}

/// The same without the documents.
#[diesel::dsl::auto_type(no_type_alias)]
fn states_of<'a>(member: &'a str) -> _ {
    icp_members::table
        .inner_join(icps::table)
        .filter(icp_members::user_id.eq(member))
        .order((icp_members::created_at, icp_members::icp_id))
        .select((icp_members::icp_id, icps::version))
}

pub(crate) fn list(connection: &mut SqliteConnection, query: &ListQuery) -> QueryResult<IcpList> {
    if query.is_for_everything() {
        return collect(rows(connection, rows_of(query.scope.member().as_str()))?, query);
    }
    let (id, version, document) = (icp_members::icp_id, icps::version, icps::document);
    let wanted = wanted(query);
    match query.sort {
        Sort::CreatedAt => {
            collect(rows(connection, wanted.select((id, version, icp_members::created_at, document)))?, query)
        }
        Sort::UpdatedAt => {
            collect(rows(connection, wanted.select((id, version, icps::updated_at, document)))?, query)
        }
        Sort::Name => {
            collect(rows(connection, wanted.select((id, version, icps::name_folded, document)))?, query)
        }
    }
}

/// Of rows of id, version, what the list is sorted by, and document.
fn collect<'a>(
    rows: impl Iterator<Item = QueryResult<impl Row<'a, Sqlite>>>,
    query: &ListQuery,
) -> QueryResult<IcpList> {
    let (limit, max_bytes) = (query.limit.unwrap_or(usize::MAX), query.max_bytes.unwrap_or(usize::MAX));
    let (mut icps, mut version) = (WireListBuilder::default(), ListVersionBuilder::default());
    let (mut end, mut bytes, mut has_more) = (None, 0, false);
    for row in rows {
        let row = row?;
        if icps.len() == limit || bytes >= max_bytes {
            has_more = true;
            break;
        }
        let id = push_state(&mut version, &row)?;
        bytes += column(&row, 3, |mut value| {
            let document = value.read_text();
            icps.push(document);
            document.len()
        })?;
        if query.limit.is_some() || query.max_bytes.is_some() {
            end = place(query.sort, id, &row)?;
        }
    }
    let next = end.filter(|_| has_more);
    Ok(IcpList { icps: icps.finish(), version: version.finish(has_more), next })
}

pub(crate) fn version(reader: &mut Reader, query: &ListQuery) -> QueryResult<ListVersion> {
    let Reader { connection, known_versions } = reader;
    if !query.is_for_everything() {
        let states = wanted(query).select((icp_members::icp_id, icps::version));
        return collect_version(rows(connection, states)?, query);
    }
    let (member, state) = (query.scope.member(), data_version(connection)?);
    if known_versions.state() == Some(&state)
        && let Some(version) = known_versions.of(member)
    {
        return Ok(version);
    }
    let version = collect_version(rows(connection, states_of(member.as_str()))?, query)?;
    // What was committed since the state was asked for is in the version, and in another state.
    known_versions.note(&state, member, version);
    Ok(version)
}

fn collect_version<'a>(
    rows: impl Iterator<Item = QueryResult<impl Row<'a, Sqlite>>>,
    query: &ListQuery,
) -> QueryResult<ListVersion> {
    let limit = query.limit.unwrap_or(usize::MAX);
    let (mut version, mut count) = (ListVersionBuilder::default(), 0);
    for row in rows {
        if count == limit {
            return Ok(version.finish(true));
        }
        push_state(&mut version, &row?)?;
        count += 1;
    }
    Ok(version.finish(false))
}

/// The rows as they lie in SQLite's memory: a `Queryable` would have to copy each text once more.
fn rows<'a, Q>(
    connection: &'a mut SqliteConnection,
    query: Q,
) -> QueryResult<impl Iterator<Item = QueryResult<impl Row<'a, Sqlite>>>>
where
    Q: Query + QueryFragment<Sqlite> + QueryId + 'a,
    Sqlite: diesel::expression::QueryMetadata<Q::SqlType>,
{
    // SQLite starts a statement again that is asked for more after its end.
    LoadConnection::load(connection, query).map(Iterator::fuse)
}

fn column<'a, T>(
    row: &impl Row<'a, Sqlite>,
    index: usize,
    read: impl FnOnce(SqliteValue<'_, '_, '_>) -> T,
) -> QueryResult<T> {
    nullable(row, index, read)
        .ok_or_else(|| diesel::result::Error::DeserializationError(Box::new(UnexpectedNullError)))
}

fn nullable<'a, T>(
    row: &impl Row<'a, Sqlite>,
    index: usize,
    read: impl FnOnce(SqliteValue<'_, '_, '_>) -> T,
) -> Option<T> {
    let field = row.get(index)?;
    field.value().map(read)
}

/// The first two columns of every row.
fn push_state<'a>(version: &mut ListVersionBuilder, row: &impl Row<'a, Sqlite>) -> QueryResult<IcpId> {
    let id = column(row, 0, |mut value| Uuid::from_slice(value.read_blob()))?;
    let id = IcpId::from(id.map_err(|error| diesel::result::Error::DeserializationError(error.into()))?);
    version.push(id, column(row, 1, |mut value| value.read_long())?.into());
    Ok(id)
}

fn place<'a>(sort: Sort, id: IcpId, row: &impl Row<'a, Sqlite>) -> QueryResult<Option<Place>> {
    let key = match sort {
        Sort::CreatedAt | Sort::UpdatedAt => {
            Timestamp::from_unix_millis(column(row, 2, |mut value| value.read_long())?).map(PlaceKey::Time)
        }
        Sort::Name => Some(PlaceKey::Name(
            nullable(row, 2, |mut value| value.read_text().to_owned()).unwrap_or_default(),
        )),
    };
    Ok(key.map(|key| Place { key, id }))
}

type Wanted<'a> = IntoBoxed<'a, InnerJoin<icp_members::table, icps::table>, Sqlite>;

/// What a query asks for, and one row more than its limit, by which it is known whether there are more.
fn wanted(query: &ListQuery) -> Wanted<'_> {
    let all = icp_members::table.inner_join(icps::table).into_boxed();
    let mut wanted = all.filter(icp_members::user_id.eq(query.scope.member().as_str()));
    wanted = match query.filter.activity {
        Some(Activity::ActiveAt(now)) => {
            wanted.filter(icps::active_until.is_null().or(icps::active_until.gt(now.unix_millis())))
        }
        Some(Activity::ExpiredAt(now)) => wanted.filter(icps::active_until.le(now.unix_millis())),
        None => wanted,
    };
    if let Some(since) = query.filter.updated_since {
        wanted = wanted.filter(icps::updated_at.ge(since.unix_millis()));
    }
    if let Some(name) = &query.filter.name {
        wanted = wanted.filter(instr(icps::name_folded, name).gt(0));
    }
    if let Some(provider) = &query.filter.provider {
        wanted = wanted.filter(instr(icps::providers, ProviderList::sought(provider)).gt(0));
    }
    wanted = in_order(wanted, query);
    match query.limit {
        Some(limit) => wanted.limit(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)),
        None => wanted,
    }
}

/// Sorts by a column and then by id, from a place on.
macro_rules! sorted {
    ($wanted:ident, $column:expr, $direction:expr, $after:expr) => {{
        let after = $after;
        match $direction {
            Direction::Ascending => {
                if let Some((key, id)) = after {
                    // The first condition is what an index is good for.
                    $wanted = $wanted.filter($column.ge(key));
                    $wanted = $wanted.filter($column.gt(key).or(icp_members::icp_id.gt(id)));
                }
                $wanted.order(($column.asc(), icp_members::icp_id.asc()))
            }
            Direction::Descending => {
                if let Some((key, id)) = after {
                    $wanted = $wanted.filter($column.le(key));
                    $wanted = $wanted.filter($column.lt(key).or(icp_members::icp_id.lt(id)));
                }
                $wanted.order(($column.desc(), icp_members::icp_id.desc()))
            }
        }
    }};
}

fn in_order<'a>(mut wanted: Wanted<'a>, query: &'a ListQuery) -> Wanted<'a> {
    let place = query.after.as_ref().map(|place| (&place.key, id_bytes(place.id)));
    let (time, name) = match place {
        Some((PlaceKey::Time(time), id)) => (Some((time.unix_millis(), id)), None),
        Some((PlaceKey::Name(name), id)) => (None, Some((name.as_str(), id))),
        None => (None, None),
    };
    match query.sort {
        Sort::CreatedAt => sorted!(wanted, icp_members::created_at, query.direction, time),
        Sort::UpdatedAt => sorted!(wanted, icps::updated_at, query.direction, time),
        Sort::Name => sorted!(wanted, icps::name_folded, query.direction, name),
    }
}
