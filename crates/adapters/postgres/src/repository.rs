use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::sql_types::Bool;
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _,
    QueryResult,
};
use diesel_async::RunQueryDsl as _;
use futures_util::TryStreamExt as _;
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId, ListScope, Timestamp, UserId, WireList};
use icp_ports::{
    Creation, Health, HealthCheck, IcpRepository, IdempotencyKey, Lookup, RepositoryError, StoredIcp, Version,
};

use crate::connection::Connection;
use crate::database::PostgresDatabase;
use crate::schema::{icp_members, icps};
use crate::statements::{Create, CreateOnce, Update};
use crate::used_keys;

#[async_trait]
impl IcpRepository for PostgresDatabase {
    async fn list(&self, scope: &ListScope) -> Result<WireList, RepositoryError> {
        let member = scope.member().as_str();
        self.connections.read(|connection| list(connection, member)).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.connections.read(|connection| get(connection, id, scope)).await
    }

    async fn version(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<Version>, RepositoryError> {
        self.connections.read(|connection| version(connection, id, scope)).await
    }

    async fn create(&self, document: &IcpDocument) -> Result<Version, RepositoryError> {
        let creating = async |connection: Arc<Connection>| {
            Create::of(document).get_result::<i64>(&mut &**connection).await.map(Version::from)
        };
        self.connections.write(creating).await
    }

    async fn create_once(
        &self,
        document: &IcpDocument,
        key: &IdempotencyKey,
    ) -> Result<Creation, RepositoryError> {
        let creating = async |connection: Arc<Connection>| {
            CreateOnce::of(document, key).get_result::<(bool, Option<i64>)>(&mut &**connection).await
        };
        match self.connections.write(creating).await? {
            (true, Some(version)) => Ok(Creation::Created(version.into())),
            (true, None) => self.connections.read(|connection| used_keys::look_up(connection, key)).await,
            (false, _) => Ok(Creation::InProgress),
        }
    }

    async fn update(
        &self,
        change: &IcpChange,
        expected: Version,
    ) -> Result<Option<Version>, RepositoryError> {
        let updating = async |connection: Arc<Connection>| {
            Update::of(change, expected).get_result::<i64>(&mut &**connection).await.optional()
        };
        Ok(self.connections.write(updating).await?.map(Version::from))
    }

    async fn delete(&self, id: IcpId, expected: Version) -> Result<bool, RepositoryError> {
        self.connections.write(|connection| delete(connection, id, expected)).await
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.connections.write(|connection| used_keys::remove_expired(connection, now)).await
    }
}

#[async_trait]
impl HealthCheck for PostgresDatabase {
    async fn health(&self) -> Health {
        let probe = self.connections.read(probe);
        match tokio::time::timeout(Duration::from_secs(2), probe).await {
            Ok(Ok(())) => Health::Ok,
            _ => Health::Unavailable,
        }
    }
}

/// One walk along the primary key of `icp_members`, which is the order of the list, and a look-up by id for each.
#[diesel::dsl::auto_type(no_type_alias)]
fn documents_of<'a>(member: &'a str) -> _ {
    icp_members::table
        .inner_join(icps::table)
        .filter(icp_members::user_id.eq(member))
        .order((icp_members::created_at, icp_members::icp_id))
        .select(icps::document)
}

async fn list(connection: Arc<Connection>, member: &str) -> QueryResult<WireList> {
    let documents = documents_of(member).load_stream::<String>(&mut &**connection).await?;
    documents
        .try_fold(WireList::default(), async |mut list, document| {
            list.push(&document);
            Ok(list)
        })
        .await
}

/// Whether the ICP is within a scope: one look-up in the primary key of `icp_members`.
#[diesel::dsl::auto_type(no_type_alias)]
fn is_within<'a>(scope: &'a AccessScope) -> _ {
    let everything: bool = scope.member().is_none();
    let member: &'a str = scope.member().map_or("", UserId::as_str);
    let membership = icp_members::table
        .filter(icp_members::user_id.eq(member))
        .filter(icp_members::created_at.eq(icps::created_at))
        .filter(icp_members::icp_id.eq(icps::id));
    everything.into_sql::<Bool>().or(exists(membership))
}

async fn get(connection: Arc<Connection>, id: IcpId, scope: &AccessScope) -> QueryResult<Lookup<StoredIcp>> {
    let found = icps::table
        .find(id.as_uuid())
        .select((is_within(scope), icps::version, icps::document))
        .get_result::<(bool, i64, String)>(&mut &**connection)
        .await
        .optional()?;
    Ok(match found {
        Some((true, version, json)) => Lookup::Found(StoredIcp { id, version: version.into(), json }),
        Some((false, ..)) => Lookup::Forbidden,
        None => Lookup::Absent,
    })
}

async fn version(
    connection: Arc<Connection>,
    id: IcpId,
    scope: &AccessScope,
) -> QueryResult<Lookup<Version>> {
    let found = icps::table
        .find(id.as_uuid())
        .select((is_within(scope), icps::version))
        .get_result::<(bool, i64)>(&mut &**connection)
        .await
        .optional()?;
    Ok(match found {
        Some((true, version)) => Lookup::Found(version.into()),
        Some((false, _)) => Lookup::Forbidden,
        None => Lookup::Absent,
    })
}

/// Its members go with it.
async fn delete(connection: Arc<Connection>, id: IcpId, expected: Version) -> QueryResult<bool> {
    let at = icps::table.find(id.as_uuid()).filter(icps::version.eq(expected.number()));
    diesel::delete(at).execute(&mut &**connection).await.map(|deleted| deleted > 0)
}

async fn probe(connection: Arc<Connection>) -> QueryResult<()> {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1"))
        .get_result::<i32>(&mut &**connection)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use diesel::pg::Pg;
    use icp_ports::Schema as _;
    use icp_testkit::postgres;
    use tokio_postgres::{Client, NoTls};

    use super::{PostgresDatabase, documents_of};
    use crate::PostgresSettings;

    /// Everybody has five ICPs, of which each names one other user.
    const FILL: &str = "
        INSERT INTO icps (id, name, created_at, updated_at, document)
        SELECT gen_random_uuid(), 'x', '2024-01-01'::timestamptz + number * interval '1 minute', now(), repeat('x', 1000)
        FROM generate_series(1, $1::int) number;";
    const MEMBERS: &str = "
        INSERT INTO icp_members (user_id, created_at, icp_id)
        SELECT 'user_' || (row_number() OVER (ORDER BY id) / 5), created_at, id FROM icps
        UNION SELECT 'other_' || (row_number() OVER (ORDER BY id) / 5), created_at, id FROM icps;";

    async fn filled(icps: i32) -> (Client, postgres::Database) {
        let database = postgres::shared().database();
        let settings = PostgresSettings { url: database.url().to_owned(), max_connections: 1 };
        PostgresDatabase::new(&settings).expect("a URL").migrate().await.expect("it migrates");
        let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await.expect("it connects");
        tokio::spawn(connection);
        client.execute(FILL, &[&icps]).await.expect("it fills");
        client.execute(MEMBERS, &[]).await.expect("it fills");
        client.batch_execute("ANALYZE icps").await.expect("it analyzes");
        client.batch_execute("ANALYZE icp_members").await.expect("it analyzes");
        (client, database)
    }

    /// The plan of a user's list, and how many pages it reads.
    async fn plan(client: &Client) -> (String, u32) {
        let query = documents_of("user_17");
        let debugged = diesel::debug_query::<Pg, _>(&query).to_string();
        let (sql, _binds) = debugged.split_once(" -- binds").expect("diesel shows binds");
        let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {}", sql.replace("$1", "'user_17'"));
        let rows = client.query(&explain, &[]).await.expect("it explains");
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let buffers = plan.iter().find_map(|line| line.trim().strip_prefix("Buffers: shared hit="));
        let pages = buffers.and_then(|text| text.split(' ').next()?.parse().ok()).expect("pages");
        (plan.join("\n"), pages)
    }

    #[tokio::test]
    async fn a_list_costs_what_the_users_own_icps_cost_however_many_there_are() {
        let (small, _kept) = filled(1_000).await;
        let (large, _kept_too) = filled(50_000).await;
        let ((_, few), (plan, many)) = (plan(&small).await, plan(&large).await);
        assert!(plan.contains("using icp_members_pkey"), "{plan}");
        assert!(plan.contains("using icps_pkey"), "{plan}");
        assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "the index has the order:\n{plan}");
        // A tree of fifty times as many entries is a level higher, and no more.
        assert!(many <= few + few / 2, "{few} pages have become {many}:\n{plan}");
    }
}
