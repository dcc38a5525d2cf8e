//! The short lists of several users in one statement.

use std::pin::pin;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use futures_util::TryStreamExt as _;
use icp_domain::{IcpId, UserId, WireListBuilder};
use icp_ports::{IcpList, ListVersion, ListVersionBuilder, RepositoryError};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::connection::Connection;
use crate::connections::Connections;
use crate::error::QueryError;
use crate::gathering::Gathered;
use crate::snapshots::known_or_read;
use crate::statements::prepared_once;

/// How many users a statement asks for.
const COMPANY: usize = 32;

/// Who has more ICPs than this has a statement to themselves, so that nobody waits for the lists of others for long. It
/// stands in the statements once more, with one added.
const MOST: usize = 64;

/// And so has whose ICPs are longer together, in bytes.
pub(crate) const SHORT: usize = 256 * 1024;

/// The whole list of each user, oldest first; `None` where it is longer than [`MOST`] or [`SHORT`].
pub(crate) struct Lists;

/// The state of each user's list; `None` where it is longer.
pub(crate) struct Versions;

/// Declares a statement that looks something up for each of several users: a walk along the primary key of `icp_members`,
/// which is the order of the list, and a look-up by id for each.
macro_rules! for_each_member {
    ($columns:literal) => {
        concat!(
            ") WITH ORDINALITY AS asked (member, place) CROSS JOIN LATERAL (SELECT ",
            $columns,
            " FROM icp_members INNER JOIN icps ON icps.id = icp_members.icp_id \
             WHERE icp_members.user_id = asked.member \
             ORDER BY icp_members.created_at, icp_members.icp_id LIMIT 65) AS list"
        )
    };
}

/// The lists of these users.
#[derive(Debug)]
struct ListsOf<'a>(&'a [&'a str]);

prepared_once!(ListsOf -> (BigInt, SqlUuid, BigInt, Text));

impl QueryFragment<Pg> for ListsOf<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT asked.place, list.* FROM unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.0)?;
        out.push_sql(for_each_member!("icp_members.icp_id, icps.version, icps.document"));
        Ok(())
    }
}

/// The states of the lists of these users.
#[derive(Debug)]
struct VersionsOf<'a>(&'a [&'a str]);

prepared_once!(VersionsOf -> (BigInt, SqlUuid, BigInt));

impl QueryFragment<Pg> for VersionsOf<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT asked.place, list.* FROM unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.0)?;
        out.push_sql(for_each_member!("icp_members.icp_id, icps.version"));
        Ok(())
    }
}

impl Gathered for Lists {
    type Question = UserId;
    type Answer = Option<IcpList>;
    const COMPANY: usize = COMPANY;

    async fn ask(
        connections: &Connections,
        members: &[&UserId],
    ) -> Result<Vec<Self::Answer>, RepositoryError> {
        let members: Vec<&str> = members.iter().map(|member| member.as_str()).collect();
        connections.read(|connection| lists(connection, &members)).await
    }
}

impl Gathered for Versions {
    type Question = UserId;
    type Answer = Option<ListVersion>;
    const COMPANY: usize = COMPANY;

    async fn ask(
        connections: &Connections,
        members: &[&UserId],
    ) -> Result<Vec<Self::Answer>, RepositoryError> {
        let reading = async |connection: Arc<Connection>| {
            known_or_read(&connection, members, versions(Arc::clone(&connection), members)).await
        };
        connections.read(reading).await
    }
}

async fn lists(connection: Arc<Connection>, members: &[&str]) -> Result<Vec<Option<IcpList>>, QueryError> {
    let mut lists = Vec::new();
    lists.resize_with(members.len(), Short::default);
    let mut rows = pin!(connection.rows(&ListsOf(members)).await?);
    while let Some(row) = rows.try_next().await? {
        let Some(list) = of_row(&mut lists, &row)? else { continue };
        push_state(&mut list.version, &row)?;
        list.push(row.try_get(3)?);
    }
    Ok(lists.into_iter().map(Short::finish).collect())
}

async fn versions(
    connection: Arc<Connection>,
    members: &[&UserId],
) -> Result<Vec<Option<ListVersion>>, QueryError> {
    let names: Vec<&str> = members.iter().map(|member| member.as_str()).collect();
    let mut found = vec![(0, ListVersionBuilder::default()); members.len()];
    let mut rows = pin!(connection.rows(&VersionsOf(&names)).await?);
    while let Some(row) = rows.try_next().await? {
        let Some((count, version)) = of_row(&mut found, &row)? else { continue };
        push_state(version, &row)?;
        *count += 1;
    }
    let finish =
        |(count, version): (usize, ListVersionBuilder)| (count <= MOST).then(|| version.finish(false));
    Ok(found.into_iter().map(finish).collect())
}

/// A list that is being read, for as long as it is short.
#[derive(Default)]
struct Short {
    icps: WireListBuilder,
    version: ListVersionBuilder,
    bytes: usize,
}

impl Short {
    fn push(&mut self, document: &str) {
        self.bytes += document.len();
        if self.bytes <= SHORT {
            self.icps.push(document);
        }
    }

    fn finish(self) -> Option<IcpList> {
        let is_short = self.icps.len() <= MOST && self.bytes <= SHORT;
        is_short.then(|| IcpList {
            icps: self.icps.finish(),
            version: self.version.finish(false),
            next: None,
        })
    }
}

/// Whether a list could have been gathered.
pub(crate) fn is_short(list: &IcpList) -> bool {
    list.next.is_none() && list.icps.len() <= MOST && list.icps.bytes() <= SHORT
}

/// What a row belongs to: its first column counts from 1.
fn of_row<'a, T>(answers: &'a mut [T], row: &Row) -> Result<Option<&'a mut T>, QueryError> {
    let place = usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
    Ok(place.checked_sub(1).and_then(|index| answers.get_mut(index)))
}

fn push_state(version: &mut ListVersionBuilder, row: &Row) -> Result<(), QueryError> {
    version.push(IcpId::from(row.try_get::<_, Uuid>(1)?), row.try_get::<_, i64>(2)?.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ListsOf, VersionsOf};
    use crate::explain::plan;
    use crate::list::tests::filled;

    /// All that there is is asked for once for each of a few users.
    #[tokio::test]
    async fn what_users_ask_together_costs_what_their_own_icps_cost_however_many_there_are() {
        let (small, _kept) = filled(1_000).await;
        let (large, _kept_too) = filled(50_000).await;
        let values = "'{user_17,user_3,user_170,nobody}'";
        let lists = ListsOf(&[]);
        let versions = VersionsOf(&[]);
        let few = plan(&small, &lists, "text[]", values).await.1;
        let few_versions = plan(&small, &versions, "text[]", values).await.1;
        for (few, (plan, many)) in [
            (few, plan(&large, &lists, "text[]", values).await),
            (few_versions, plan(&large, &versions, "text[]", values).await),
        ] {
            assert!(plan.contains("using icp_members_pkey"), "{plan}");
            assert!(plan.contains("using icps_pkey"), "{plan}");
            assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "the index has the order:\n{plan}");
            assert!(many <= few + few / 2, "{few} pages have become {many}:\n{plan}");
        }
    }
}
