//! Reads the plan of a query, for tests.

use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;
use icp_ports::Migrator as _;
use icp_test_postgres as postgres;
use tokio_postgres::{Client, NoTls};

use crate::{PostgresDatabase, PostgresSettings};

/// Fills a database with many ICPs of one user each, so that statistics are realistic.
pub(crate) const ICPS_OF_ONE_USER: &str = "
    INSERT INTO icps (id, name, created_at, updated_at, document, name_folded, providers)
    SELECT gen_random_uuid(), 'x', now(), now(), 'x', 'x', ',' FROM generate_series(1, 50000);
    INSERT INTO icp_members SELECT 'user_' || row_number() OVER (), created_at, id FROM icps;
    ANALYZE icps; ANALYZE icp_members;";

/// Creates a database with the tables.
pub(crate) async fn migrated() -> (Client, postgres::Database) {
    let database = postgres::shared().database();
    let settings = PostgresSettings::new(database.url());
    PostgresDatabase::new(&settings).expect("a URL").migrate().await.expect("must migrate");
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await.expect("must connect");
    tokio::spawn(connection);
    (client, database)
}

/// Returns the generic plan of a query and the number of pages that it reads. PostgreSQL uses the generic plan after a few
/// executions on a connection.
pub(crate) async fn plan(
    client: &Client,
    query: &impl QueryFragment<Pg>,
    types: &str,
    values: &str,
) -> (String, u32) {
    let debugged = diesel::debug_query::<Pg, _>(query).to_string();
    let (sql, _binds) = debugged.split_once(" -- binds").expect("diesel shows binds");
    let prepare =
        format!("SET plan_cache_mode = force_generic_plan; DEALLOCATE ALL; PREPARE query ({types}) AS {sql}");
    client.batch_execute(&prepare).await.expect("must prepare");
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) EXECUTE query ({values})");
    let rows = client.query(&explain, &[]).await.expect("must explain");
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // A line's number of pages includes the lines below it.
    let running = lines.iter().take_while(|line| !line.starts_with("Planning"));
    let pages = running.filter_map(|line| Some(pages(line.trim().strip_prefix("Buffers: shared ")?))).max();
    (lines.join("\n"), pages.expect("must read pages"))
}

/// Returns the number of pages in `hit=16 read=3 dirtied=1`, in memory or not.
fn pages(buffers: &str) -> u32 {
    let counts = buffers.split(' ').filter_map(|part| part.split_once('='));
    counts
        .filter(|(kind, _)| ["hit", "read"].contains(kind))
        .filter_map(|(_, count)| count.parse::<u32>().ok())
        .sum()
}
