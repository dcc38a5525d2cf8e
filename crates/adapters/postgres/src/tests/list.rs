//! The query plans of the statements that read lists.

use icp_domain::Caller;
use icp_ports::ListQuery;
use icp_test_postgres as postgres;
use icp_testkit::fixtures::user;
use tokio_postgres::Client;

use super::explain::{explain, migrated_database};
use crate::list_query::{Extent, ListStatement};
use crate::short_list::ShortListsStatement;

const INSERT_ICPS: &str = "
    INSERT INTO icps (id, name, created_at, updated_at, document, name_folded, providers)
    SELECT gen_random_uuid(), 'x', '2024-01-01'::timestamptz + number * interval '1 minute', now(),
        repeat('x', 1000), 'x', ','
    FROM generate_series(1, $1::int) number;";
/// SQL that gives every user `user_...` five ICPs (fewer to the first and the last one), and gives each ICP a second
/// user `other_...`.
const INSERT_USERS: &str = "
    INSERT INTO icp_members (user_id, created_at, icp_id)
    SELECT 'user_' || (row_number() OVER (ORDER BY id) / 5), created_at, id FROM icps
    UNION SELECT 'other_' || (row_number() OVER (ORDER BY id) / 5), created_at, id FROM icps;";

async fn filled_database(icps: i32) -> (Client, postgres::Database) {
    let (client, database) = migrated_database().await;
    client.execute(INSERT_ICPS, &[&icps]).await.expect("the rows must be inserted");
    client.execute(INSERT_USERS, &[]).await.expect("the rows must be inserted");
    client.batch_execute("ANALYZE icps; ANALYZE icp_members").await.expect("the statistics must be updated");
    (client, database)
}

#[tokio::test]
async fn list_cost_is_independent_of_other_users() {
    let (small, _database) = filled_database(1_000).await;
    let (large, _other_database) = filled_database(50_000).await;
    let query = ListQuery::everything(Caller::user(user("user_17")).list_scope());
    let list = ListStatement::new(&query, Extent::Whole);
    // The values are `max_bytes`, the user, the position after which the list starts, and the number of rows.
    let (list_types, list_values) = (
        "bigint, text, timestamptz, uuid, bigint",
        "1000000, 'user_17', '-infinity', '00000000-0000-0000-0000-000000000000', 4097",
    );
    let batch = ShortListsStatement(&[]);
    // The values are the users, the maximum number of ICPs, the maximum length of a document, and again the maximum
    // number of ICPs.
    let (batch_types, batch_values) =
        ("text[], bigint, int, bigint", "'{user_17,user_3,user_170,unknown}', 64, 8192, 64");
    let pages_in_small = [
        explain(&small, &list, list_types, list_values).await.1,
        explain(&small, &batch, batch_types, batch_values).await.1,
    ];
    let plans_in_large = [
        explain(&large, &list, list_types, list_values).await,
        explain(&large, &batch, batch_types, batch_values).await,
    ];
    for (few, (plan, many)) in pages_in_small.into_iter().zip(plans_in_large) {
        assert!(plan.contains("using icp_members_pkey"), "{plan}");
        assert!(plan.contains("using icps_pkey"), "{plan}");
        assert!(
            !plan.contains("Sort") && !plan.contains("Seq Scan"),
            "the plan must scan the index in its order:\n{plan}"
        );
        // The index of the large table has fifty times as many entries, and at most one additional level.
        assert!(
            many <= few + few / 2,
            "{few} pages in the small table, but {many} in the large table:\n{plan}"
        );
    }
}
