//! Lists: which ICPs a user has, in which order.

use std::pin::pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::dsl::{InnerJoin, IntoBoxed};
use diesel::pg::Pg;
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _};
use futures_util::TryStreamExt as _;
use icp_domain::{IcpId, ProviderList, Timestamp, UserId, WireListBuilder};
use icp_ports::{
    Activity, Direction, IcpList, ListFilter, ListQuery, ListVersion, ListVersionBuilder, Place, PlaceKey,
    Sort, Version,
};
use tokio_postgres::{Row, RowStream};
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::QueryError;
use crate::schema::{icp_members, icps};
use crate::within::Within;

diesel::define_sql_function! {
    /// Where a text holds another, from 1; 0 when it does not.
    fn strpos(text: diesel::sql_types::Nullable<diesel::sql_types::Text>, sought: diesel::sql_types::Text)
        -> diesel::sql_types::Nullable<diesel::sql_types::Integer>;
}

diesel::define_sql_function! {
    /// How many bytes a text has, which is known without it.
    fn octet_length(text: diesel::sql_types::Text) -> diesel::sql_types::Integer;
}

/// Of documents of this length as many are asked for as a list may have bytes: where they are shorter, it ends earlier.
const SHORT_DOCUMENT: usize = 1024;

/// How many rows are enough for a list.
fn enough(max_bytes: Option<usize>) -> usize {
    max_bytes.map_or(usize::MAX - 1, |bytes| (bytes / SHORT_DOCUMENT).max(64))
}

/// One walk along the primary key of `icp_members`, which is the order of the list, and a look-up by id for each.
#[diesel::dsl::auto_type(no_type_alias)]
fn rows_of<'a>(member: &'a str, most: i64) -> _ {
    icp_members::table
        .inner_join(icps::table)
        .filter(icp_members::user_id.eq(member))
        .order((icp_members::created_at, icp_members::icp_id))
        .limit(most)
        .select((icp_members::icp_id, icps::version, icps::document, icp_members::created_at))
}

/// The same after a place, which is where a page begins.
#[diesel::dsl::auto_type(no_type_alias)]
fn rows_after<'a>(member: &'a str, time: DateTime<Utc>, id: Uuid, most: i64) -> _ {
    // The first condition is what the index is good for.
    let later = icp_members::created_at.gt(time).or(icp_members::icp_id.gt(id));
    icp_members::table
        .inner_join(icps::table)
        .filter(icp_members::user_id.eq(member))
        .filter(icp_members::created_at.ge(time))
        .filter(later)
        .order((icp_members::created_at, icp_members::icp_id))
        .limit(most)
        .select((icp_members::icp_id, icps::version, icps::document, icp_members::created_at))
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

/// The list of one user, oldest first.
pub(crate) async fn everything(
    connection: Arc<Connection>,
    member: &UserId,
    max_bytes: Option<usize>,
) -> Result<IcpList, QueryError> {
    let enough = enough(max_bytes);
    let rows = connection.rows(&rows_of(member.as_str(), one_more(enough))).await?;
    let end = End { enough, max_bytes, is_cut: false };
    collect(rows, end, |row| place(Sort::CreatedAt, row)).await
}

/// What is asked for, whatever it is.
pub(crate) async fn some(connection: Arc<Connection>, query: &ListQuery) -> Result<IcpList, QueryError> {
    let enough = enough(query.max_bytes).min(query.limit.unwrap_or(usize::MAX));
    let (id, version) = (icp_members::icp_id, icps::version);
    let keys = (icps::created_at, icps::updated_at, icps::name_folded);
    let mut end = End { enough, max_bytes: query.max_bytes, is_cut: false };
    let rows = match query.max_bytes {
        // One part of a list after the other: what is not wanted any more must not be sent each time.
        Some(max_bytes) if query.limit.is_none() => {
            end.is_cut = true;
            let wanted = wanted(query).limit(one_more(enough));
            let wanted = wanted.select((id, version, octet_length(icps::document), keys));
            connection.rows(&Within::new(wanted, max_bytes)).await?
        }
        _ => {
            let member = query.scope.member().as_str();
            match (is_oldest_first(query), &query.after) {
                (true, None) => connection.rows(&rows_of(member, one_more(enough))).await?,
                (true, Some(Place { key: PlaceKey::Time(time), id })) => {
                    let (time, id) = (time.as_datetime(), id.as_uuid());
                    connection.rows(&rows_after(member, time, id, one_more(enough))).await?
                }
                _ => {
                    let wanted = wanted(query).limit(one_more(enough));
                    connection.rows(&wanted.select((id, version, icps::document, keys))).await?
                }
            }
        }
    };
    collect(rows, end, |row| place(query.sort, row)).await
}

/// Whether nothing is left out, and the order is that of the index: this is asked so often that it is worth preparing.
fn is_oldest_first(query: &ListQuery) -> bool {
    query.filter == ListFilter::default()
        && (query.sort, query.direction) == (Sort::CreatedAt, Direction::Ascending)
}

/// Where a list ends.
struct End {
    enough: usize,
    max_bytes: Option<usize>,
    /// Whether the rows beyond these bytes were left out.
    is_cut: bool,
}

/// Of rows of id, version and document.
async fn collect(
    rows: RowStream,
    end: End,
    place: impl Fn(&Row) -> Result<Option<Place>, QueryError>,
) -> Result<IcpList, QueryError> {
    let mut rows = pin!(rows);
    let (mut icps, mut version) = (WireListBuilder::default(), ListVersionBuilder::default());
    let max_bytes = end.max_bytes.unwrap_or(usize::MAX);
    let (mut last, mut bytes, mut has_more) = (None, 0, false);
    while let Some(row) = rows.try_next().await? {
        has_more = icps.len() == end.enough || bytes >= max_bytes;
        if has_more {
            continue;
        }
        push_state(&mut version, &row)?;
        let document: &str = row.try_get(2)?;
        bytes += document.len();
        icps.push(document);
        last = Some(row);
    }
    has_more |= end.is_cut && bytes >= max_bytes;
    let next = match last {
        Some(last) if has_more => place(&last)?,
        _ => None,
    };
    Ok(IcpList { icps: icps.finish(), version: version.finish(has_more), next })
}

/// The state of the list of one user.
pub(crate) async fn version_of_everything(
    connection: Arc<Connection>,
    member: &UserId,
) -> Result<ListVersion, QueryError> {
    collect_version(connection.rows(&states_of(member.as_str())).await?, usize::MAX).await
}

/// The state of what is asked for.
pub(crate) async fn version_of_some(
    connection: Arc<Connection>,
    query: &ListQuery,
) -> Result<ListVersion, QueryError> {
    let wanted = wanted(query).select((icp_members::icp_id, icps::version));
    match query.limit {
        Some(limit) => collect_version(connection.rows(&wanted.limit(one_more(limit))).await?, limit).await,
        None => collect_version(connection.rows(&wanted).await?, usize::MAX).await,
    }
}

async fn collect_version(rows: RowStream, limit: usize) -> Result<ListVersion, QueryError> {
    let mut rows = pin!(rows);
    let (mut version, mut count) = (ListVersionBuilder::default(), 0);
    while let Some(row) = rows.try_next().await? {
        if count < limit {
            push_state(&mut version, &row)?;
        }
        count += 1;
    }
    Ok(version.finish(count > limit))
}

/// The first two columns of every row.
fn push_state(version: &mut ListVersionBuilder, row: &Row) -> Result<(), QueryError> {
    let (id, state) = (IcpId::from(row.try_get::<_, Uuid>(0)?), Version::from(row.try_get::<_, i64>(1)?));
    version.push(id, state);
    Ok(())
}

fn place(sort: Sort, row: &Row) -> Result<Option<Place>, QueryError> {
    let time =
        |column| Ok::<_, QueryError>(Timestamp::try_from(row.try_get::<_, DateTime<Utc>>(column)?).ok());
    let key = match sort {
        Sort::CreatedAt => time(3)?.map(PlaceKey::Time),
        Sort::UpdatedAt => time(4)?.map(PlaceKey::Time),
        Sort::Name => Some(PlaceKey::Name(row.try_get::<_, Option<String>>(5)?.unwrap_or_default())),
    };
    let id = row.try_get::<_, Uuid>(0)?.into();
    Ok(key.map(|key| Place { key, id }))
}

type Wanted<'a> = IntoBoxed<'a, InnerJoin<icp_members::table, icps::table>, Pg>;

/// What a query asks for, in its order.
fn wanted(query: &ListQuery) -> Wanted<'_> {
    let all = icp_members::table.inner_join(icps::table).into_boxed();
    let mut wanted = all.filter(icp_members::user_id.eq(query.scope.member().as_str()));
    wanted = match query.filter.activity {
        Some(Activity::ActiveAt(now)) => {
            wanted.filter(icps::active_until.is_null().or(icps::active_until.gt(now.as_datetime())))
        }
        Some(Activity::ExpiredAt(now)) => wanted.filter(icps::active_until.le(now.as_datetime())),
        None => wanted,
    };
    if let Some(since) = query.filter.updated_since {
        wanted = wanted.filter(icps::updated_at.ge(since.as_datetime()));
    }
    if let Some(name) = &query.filter.name {
        wanted = wanted.filter(strpos(icps::name_folded, name).gt(0));
    }
    if let Some(provider) = &query.filter.provider {
        wanted = wanted.filter(strpos(icps::providers, ProviderList::sought(provider)).gt(0));
    }
    in_order(wanted, query)
}

/// By the row beyond a limit it is known whether there are more.
fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
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
    let place = query.after.as_ref().map(|place| (&place.key, place.id.as_uuid()));
    let (time, name) = match place {
        Some((PlaceKey::Time(time), id)) => (Some((time.as_datetime(), id)), None),
        Some((PlaceKey::Name(name), id)) => (None, Some((name.as_str(), id))),
        None => (None, None),
    };
    match query.sort {
        Sort::CreatedAt => sorted!(wanted, icp_members::created_at, query.direction, time),
        Sort::UpdatedAt => sorted!(wanted, icps::updated_at, query.direction, time),
        Sort::Name => sorted!(wanted, icps::name_folded, query.direction, name),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use icp_testkit::postgres;
    use tokio_postgres::Client;

    use super::rows_of;
    use crate::explain::{migrated, plan};

    /// Everybody has five ICPs, of which each names one other user.
    const FILL: &str = "
        INSERT INTO icps (id, name, created_at, updated_at, document)
        SELECT gen_random_uuid(), 'x', '2024-01-01'::timestamptz + number * interval '1 minute', now(), repeat('x', 1000)
        FROM generate_series(1, $1::int) number;";
    const MEMBERS: &str = "
        INSERT INTO icp_members (user_id, created_at, icp_id)
        SELECT 'user_' || (row_number() OVER (ORDER BY id) / 5), created_at, id FROM icps
        UNION SELECT 'other_' || (row_number() OVER (ORDER BY id) / 5), created_at, id FROM icps;";

    pub(crate) async fn filled(icps: i32) -> (Client, postgres::Database) {
        let (client, database) = migrated().await;
        client.execute(FILL, &[&icps]).await.expect("it fills");
        client.execute(MEMBERS, &[]).await.expect("it fills");
        client.batch_execute("ANALYZE icps; ANALYZE icp_members").await.expect("it analyzes");
        (client, database)
    }

    #[tokio::test]
    async fn a_list_costs_what_the_users_own_icps_cost_however_many_there_are() {
        let (small, _kept) = filled(1_000).await;
        let (large, _kept_too) = filled(50_000).await;
        let list = rows_of("user_17", 4_097);
        let (_, few) = plan(&small, &list, "text, bigint", "'user_17', 4097").await;
        let (plan, many) = plan(&large, &list, "text, bigint", "'user_17', 4097").await;
        assert!(plan.contains("using icp_members_pkey"), "{plan}");
        assert!(plan.contains("using icps_pkey"), "{plan}");
        assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "the index has the order:\n{plan}");
        // A tree of fifty times as many entries is a level higher, and no more.
        assert!(many <= few + few / 2, "{few} pages have become {many}:\n{plan}");
    }
}
