//! Returns the query plan of a statement.

use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;
use icp_ports::Migrator as _;
use icp_test_postgres as postgres;
use tokio_postgres::{Client, NoTls};

use crate::{PostgresDatabase, PostgresSettings};

/// SQL that inserts many ICPs with one user each, so that the statistics of the planner are realistic.
pub(crate) const INSERT_ICPS_WITH_ONE_USER: &str = "
    INSERT INTO icps (id, name, created_at, updated_at, document, name_folded, providers)
    SELECT gen_random_uuid(), 'x', now(), now(), 'x', 'x', ',' FROM generate_series(1, 50000);
    INSERT INTO icp_members SELECT 'user_' || row_number() OVER (), created_at, id FROM icps;
    ANALYZE icps; ANALYZE icp_members;";

/// Creates a database, and applies all migrations. Returns a client of the database, and the database.
pub(crate) async fn migrated_database() -> (Client, postgres::Database) {
    let database = postgres::shared().database();
    let settings = PostgresSettings::new(database.url());
    PostgresDatabase::new(&settings)
        .expect("the URL must be valid")
        .migrate()
        .await
        .expect("the migration must succeed");
    let (client, connection) =
        tokio_postgres::connect(database.url(), NoTls).await.expect("the client must connect");
    tokio::spawn(connection);
    (client, database)
}

/// Returns the generic plan of a query, and the number of pages that the query reads. `types` and `values` are the SQL
/// of its parameters. PostgreSQL uses the generic plan of a prepared statement after a few executions on a connection.
pub(crate) async fn explain(
    client: &Client,
    query: &impl QueryFragment<Pg>,
    types: &str,
    values: &str,
) -> (String, u32) {
    let debug_text = diesel::debug_query::<Pg, _>(query).to_string();
    let (sql, _binds) = debug_text.split_once(" -- binds").expect("the query must end with its parameters");
    let prepare =
        format!("SET plan_cache_mode = force_generic_plan; DEALLOCATE ALL; PREPARE query ({types}) AS {sql}");
    client.batch_execute(&prepare).await.expect("the statement must be prepared");
    let statement = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) EXECUTE query ({values})");
    let rows = client.query(&statement, &[]).await.expect("the plan must be returned");
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // The number of pages in a line includes the pages of all lines below it.
    let execution_lines = lines.iter().take_while(|line| !line.starts_with("Planning"));
    let pages = execution_lines
        .filter_map(|line| Some(count_pages(line.trim().strip_prefix("Buffers: shared ")?)))
        .max();
    (lines.join("\n"), pages.expect("the plan must contain a number of pages"))
}

/// Returns the number of pages that were read, from a text such as `hit=16 read=3 dirtied=1`. `hit` counts pages that
/// were in memory, and `read` all other pages.
fn count_pages(buffers: &str) -> u32 {
    let counts = buffers.split(' ').filter_map(|part| part.split_once('='));
    counts
        .filter(|(kind, _)| ["hit", "read"].contains(kind))
        .filter_map(|(_, count)| count.parse::<u32>().ok())
        .sum()
}
