//! The plan of look-ups.

use super::explain::{ICPS_OF_ONE_USER, migrated, plan};
use uuid::Uuid;

use crate::get::Gets;

#[tokio::test]
async fn get_costs_the_same_for_many_users() {
    let (client, _database) = migrated().await;
    client.batch_execute(ICPS_OF_ONE_USER).await.expect("must insert");
    let members = "
        INSERT INTO icps (id, name, created_at, updated_at, document, name_folded, providers)
        SELECT lpad('1', 32, '0')::uuid, 'x', now(), now(), 'crowded', 'x', ',';
        INSERT INTO icp_members SELECT 'user_' || number, icps.created_at, icps.id
        FROM icps, generate_series(1, 10000) number WHERE icps.document = 'crowded'";
    client.batch_execute(members).await.expect("must insert");
    let id = Uuid::from_u128(1);
    let query = Gets { ids: &[id], users: &[Some("user_9999")], max_document: 1_000 };
    let values = format!("1000, ARRAY['{id}'::uuid], ARRAY['user_9999']");
    let (plan, pages) = plan(&client, &query, "int, uuid[], text[]", &values).await;
    assert!(plan.contains("using icp_members_pkey"), "{plan}");
    assert!(pages <= 12, "{pages} pages:\n{plan}");
}
