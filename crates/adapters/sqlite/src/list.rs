//! Lists: which ICPs a user has, in which order.

use diesel::dsl::{InnerJoin, IntoBoxed};
use diesel::sqlite::Sqlite;
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, QueryResult, RunQueryDsl as _,
    SqliteConnection,
};
use icp_domain::{IcpId, ProviderList, Timestamp};
use icp_ports::{
    Activity, Direction, IcpList, ListQuery, ListVersion, ListVersionBuilder, Place, PlaceKey, Sort,
};
use uuid::Uuid;

use crate::rows::id_bytes;
use crate::schema::{icp_members, icps};

/// What of a row is needed beside its document.
type State = (Vec<u8>, i64);
/// What a row may be sorted by.
type Keys = (i64, i64, Option<String>);

diesel::define_sql_function! {
    /// Where a text holds another, from 1; 0 when it does not.
    fn instr(text: diesel::sql_types::Nullable<diesel::sql_types::Text>, sought: diesel::sql_types::Text)
        -> diesel::sql_types::Nullable<diesel::sql_types::Integer>;
}

pub(crate) fn list(connection: &mut SqliteConnection, query: &ListQuery) -> QueryResult<IcpList> {
    let columns = (
        (icp_members::icp_id, icps::version),
        (icps::created_at, icps::updated_at, icps::name_folded),
        icps::document,
    );
    let rows = wanted(query).select(columns).load_iter::<(State, Keys, String), _>(connection)?;
    let limit = query.limit.unwrap_or(usize::MAX);
    let (mut list, mut version) = (IcpList::default(), ListVersionBuilder::default());
    let mut end = None;
    let mut has_more = false;
    for row in rows {
        let ((id, state), keys, document) = row?;
        if list.icps.len() == limit {
            has_more = true;
            break;
        }
        let id = icp_id(&id)?;
        list.icps.push(&document);
        version.push(id, state.into());
        end = Some((id, keys));
    }
    list.next = end.filter(|_| has_more).and_then(|(id, keys)| place(query.sort, id, keys));
    list.version = version.finish(has_more);
    Ok(list)
}

pub(crate) fn version(connection: &mut SqliteConnection, query: &ListQuery) -> QueryResult<ListVersion> {
    let columns = (icp_members::icp_id, icps::version);
    let rows = wanted(query).select(columns).load::<State>(connection)?;
    let limit = query.limit.unwrap_or(usize::MAX);
    let mut version = ListVersionBuilder::default();
    for (id, state) in rows.iter().take(limit) {
        version.push(icp_id(id)?, (*state).into());
    }
    Ok(version.finish(rows.len() > limit))
}

fn icp_id(bytes: &[u8]) -> QueryResult<IcpId> {
    let uuid = Uuid::from_slice(bytes);
    uuid.map(IcpId::from).map_err(|error| diesel::result::Error::DeserializationError(error.into()))
}

fn place(sort: Sort, id: IcpId, (created_at, updated_at, name): Keys) -> Option<Place> {
    let key = match sort {
        Sort::CreatedAt => PlaceKey::Time(Timestamp::from_unix_millis(created_at)?),
        Sort::UpdatedAt => PlaceKey::Time(Timestamp::from_unix_millis(updated_at)?),
        Sort::Name => PlaceKey::Name(name.unwrap_or_default()),
    };
    Some(Place { key, id })
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
