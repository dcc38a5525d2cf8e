//! The query plan of the statement that reads single ICPs.

use super::explain::{INSERT_ICPS_WITH_ONE_USER, explain, migrated_database};
use uuid::Uuid;

use crate::get::GetQuery;

#[tokio::test]
async fn get_cost_is_independent_of_user_count() {
    let (client, _database) = migrated_database().await;
    client.batch_execute(INSERT_ICPS_WITH_ONE_USER).await.expect("the rows must be inserted");
    let members = "
        INSERT INTO icps (id, name, created_at, updated_at, document, name_folded, providers)
        SELECT lpad('1', 32, '0')::uuid, 'x', now(), now(), 'crowded', 'x', ',';
        INSERT INTO icp_members SELECT 'user_' || number, icps.created_at, icps.id
        FROM icps, generate_series(1, 10000) number WHERE icps.document = 'crowded'";
    client.batch_execute(members).await.expect("the rows must be inserted");
    let id = Uuid::from_u128(1);
    let query = GetQuery { ids: &[id], users: &[Some("user_9999")], max_document_bytes: 1_000 };
    let values = format!("1000, ARRAY['{id}'::uuid], ARRAY['user_9999']");
    let (plan, pages) = explain(&client, &query, "int, uuid[], text[]", &values).await;
    assert!(plan.contains("using icp_members_pkey"), "{plan}");
    assert!(pages <= 12, "must read at most 12 pages, not {pages}:\n{plan}");
}
