use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use futures_util::TryStreamExt as _;
use icp_domain::{ListScope, WireList};
use icp_ports::{Health, HealthCheck, IcpRepository, RepositoryError};

use crate::database::PostgresDatabase;
use crate::schema::{icp_members, icps};

#[async_trait]
impl IcpRepository for PostgresDatabase {
    async fn list(&self, scope: &ListScope) -> Result<WireList, RepositoryError> {
        let member = scope.member().as_str();
        self.connections.read(|connection| list(connection, member)).await
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

async fn list(connection: Arc<AsyncPgConnection>, member: &str) -> QueryResult<WireList> {
    let documents = documents_of(member).load_stream::<String>(&mut &*connection).await?;
    documents
        .try_fold(WireList::default(), async |mut list, document| {
            list.push(&document);
            Ok(list)
        })
        .await
}

async fn probe(connection: Arc<AsyncPgConnection>) -> QueryResult<()> {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1"))
        .get_result::<i32>(&mut &*connection)
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
