//! The plan of lists.

use icp_domain::Caller;
use icp_ports::ListQuery;
use icp_test_postgres as postgres;
use icp_testkit::fixtures::user;
use tokio_postgres::Client;

use super::explain::{migrated, plan};
use crate::list_query::{Extent, Rows};
use crate::short_list::ShortLists;

/// Every user has five ICPs. Each ICP names one other user.
const FILL: &str = "
    INSERT INTO icps (id, name, created_at, updated_at, document, name_folded, providers)
    SELECT gen_random_uuid(), 'x', '2024-01-01'::timestamptz + number * interval '1 minute', now(),
        repeat('x', 1000), 'x', ','
    FROM generate_series(1, $1::int) number;";
const MEMBERS: &str = "
    INSERT INTO icp_members (user_id, created_at, icp_id)
    SELECT 'user_' || (row_number() OVER (ORDER BY id) / 5), created_at, id FROM icps
    UNION SELECT 'other_' || (row_number() OVER (ORDER BY id) / 5), created_at, id FROM icps;";

async fn filled(icps: i32) -> (Client, postgres::Database) {
    let (client, database) = migrated().await;
    client.execute(FILL, &[&icps]).await.expect("must insert");
    client.execute(MEMBERS, &[]).await.expect("must insert");
    client.batch_execute("ANALYZE icps; ANALYZE icp_members").await.expect("must analyze");
    (client, database)
}

#[tokio::test]
async fn list_cost_depends_on_own_icps_only() {
    let (small, _database) = filled(1_000).await;
    let (large, _other_database) = filled(50_000).await;
    let query = ListQuery::everything(Caller::user(user("user_17")).list_scope());
    let list = Rows::of(&query, Extent::Whole);
    let (list_types, list_values) = (
        "bigint, text, timestamptz, uuid, bigint",
        "1000000, 'user_17', '-infinity', '00000000-0000-0000-0000-000000000000', 4097",
    );
    let batch = ShortLists(&[]);
    let (batch_types, batch_values) =
        ("text[], bigint, int, bigint", "'{user_17,user_3,user_170,unknown}', 64, 8192, 64");
    let few = [
        plan(&small, &list, list_types, list_values).await.1,
        plan(&small, &batch, batch_types, batch_values).await.1,
    ];
    let many = [
        plan(&large, &list, list_types, list_values).await,
        plan(&large, &batch, batch_types, batch_values).await,
    ];
    for (few, (plan, many)) in few.into_iter().zip(many) {
        assert!(plan.contains("using icp_members_pkey"), "{plan}");
        assert!(plan.contains("using icps_pkey"), "{plan}");
        assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "the index has the order:\n{plan}");
        // An index with fifty times as many entries has at most one more level.
        assert!(many <= few + few / 2, "{few} pages have become {many}:\n{plan}");
    }
}
