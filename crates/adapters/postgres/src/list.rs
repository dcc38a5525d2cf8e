//! Lists: which ICPs a user has, in which order.

use std::pin::pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::dsl::{InnerJoin, IntoBoxed};
use diesel::pg::Pg;
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _};
use futures_util::TryStreamExt as _;
use icp_domain::{IcpId, ProviderList, Timestamp};
use icp_ports::{
    Activity, Direction, IcpList, ListQuery, ListVersion, ListVersionBuilder, Place, PlaceKey, Sort, Version,
};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::QueryError;
use crate::schema::{icp_members, icps};

diesel::define_sql_function! {
    /// Where a text holds another, from 1; 0 when it does not.
    fn strpos(text: diesel::sql_types::Nullable<diesel::sql_types::Text>, sought: diesel::sql_types::Text)
        -> diesel::sql_types::Nullable<diesel::sql_types::Integer>;
}

pub(crate) async fn list(connection: Arc<Connection>, query: &ListQuery) -> Result<IcpList, QueryError> {
    if query.is_for_everything() && query.max_bytes.is_none() {
        everything(connection, query.scope.member().as_str()).await
    } else {
        some(connection, query).await
    }
}

/// One walk along the primary key of `icp_members`, which is the order of the list, and a look-up by id for each.
#[diesel::dsl::auto_type(no_type_alias)]
fn rows_of<'a>(member: &'a str) -> _ {
    icp_members::table
        .inner_join(icps::table)
        .filter(icp_members::user_id.eq(member))
        .order((icp_members::created_at, icp_members::icp_id))
        .select((icp_members::icp_id, icps::version, icps::document))
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

async fn everything(connection: Arc<Connection>, member: &str) -> Result<IcpList, QueryError> {
    let mut rows = pin!(connection.rows(&rows_of(member)).await?);
    let (mut list, mut version) = (IcpList::default(), ListVersionBuilder::default());
    while let Some(row) = rows.try_next().await? {
        push_state(&mut version, &row)?;
        list.icps.push(row.try_get(2)?);
    }
    list.version = version.finish(false);
    Ok(list)
}

async fn some(connection: Arc<Connection>, query: &ListQuery) -> Result<IcpList, QueryError> {
    let columns = (
        icp_members::icp_id,
        icps::version,
        icps::document,
        icps::created_at,
        icps::updated_at,
        icps::name_folded,
    );
    let mut rows = pin!(connection.rows(&wanted(query).select(columns)).await?);
    let limit = query.limit.unwrap_or(usize::MAX);
    let (mut list, mut version) = (IcpList::default(), ListVersionBuilder::default());
    let max_bytes = query.max_bytes.unwrap_or(usize::MAX);
    let (mut end, mut bytes, mut has_more) = (None, 0, false);
    while let Some(row) = rows.try_next().await? {
        if list.icps.len() == limit || bytes >= max_bytes {
            has_more = true;
            continue;
        }
        push_state(&mut version, &row)?;
        let document: &str = row.try_get(2)?;
        bytes += document.len();
        list.icps.push(document);
        end = Some(row);
    }
    if has_more && let Some(row) = end {
        list.next = place(query.sort, &row)?;
    }
    list.version = version.finish(has_more);
    Ok(list)
}

pub(crate) async fn version(
    connection: Arc<Connection>,
    query: &ListQuery,
) -> Result<ListVersion, QueryError> {
    let rows = if query.is_for_everything() {
        connection.rows(&states_of(query.scope.member().as_str())).await?
    } else {
        connection.rows(&wanted(query).select((icp_members::icp_id, icps::version))).await?
    };
    let mut rows = pin!(rows);
    let limit = query.limit.unwrap_or(usize::MAX);
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

/// What a query asks for, and one row more than its limit, by which it is known whether there are more.
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
        let list = rows_of("user_17");
        let (_, few) = plan(&small, &list, "text", "'user_17'").await;
        let (plan, many) = plan(&large, &list, "text", "'user_17'").await;
        assert!(plan.contains("using icp_members_pkey"), "{plan}");
        assert!(plan.contains("using icps_pkey"), "{plan}");
        assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "the index has the order:\n{plan}");
        // A tree of fifty times as many entries is a level higher, and no more.
        assert!(many <= few + few / 2, "{few} pages have become {many}:\n{plan}");
    }
}
