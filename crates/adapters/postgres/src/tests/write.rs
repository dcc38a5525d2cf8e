//! The plan of changes.

use icp_domain::{Icp, IcpChange};
use icp_ports::{Quota, Version};
use icp_testkit::fixtures::{icp, stamp_without_history};
use tokio_postgres::Client;

use super::explain::{ICPS_OF_ONE_USER, migrated, plan};
use crate::write::{Replace, texts};

const TYPES: &str = "uuid, bigint, text, timestamptz, timestamptz, text, text, text, text[], text[], bigint, bigint, \
     timestamptz, text, text, text, text, text, bool";

/// Returns the pages that PostgreSQL reads to rename an ICP with this number of users.
async fn pages_of_a_change(client: &Client, number: u128, users: usize) -> u32 {
    let users: Vec<_> = (0..users).map(|user| format!("user_{user}")).collect();
    let document = icp(number).with("userIds", users).document();
    let before = document.to_icp().expect("must be complete");
    let (id, created_at) = (document.id().as_uuid(), document.created_at().as_datetime());
    let store = "WITH stored AS (INSERT INTO icps VALUES ($1, 1, 'x', $2, $2, NULL, 'x', 'x', ',', NULL))
         INSERT INTO icp_members SELECT unnest($3::text[]), $2, $1";
    client.execute(store, &[&id, &created_at, &texts(document.user_ids())]).await.expect("must be stored");
    let after = Icp { name: "after".to_owned(), ..before.clone() };
    let change = IcpChange::between(&before, after);
    let values = format!(
        "'{id}', 1, 'after', now(), NULL, 'after', 'after', ',', '{{}}', '{{}}', 100000, 1000000, \
         now(), 'user_0', NULL, 'api', 'update', '[]', true"
    );
    plan(client, &Replace::of(&change, Version(1), Quota::UNLIMITED, stamp_without_history()), TYPES, &values)
        .await
        .1
}

#[tokio::test]
async fn change_does_not_read_unchanged_users() {
    let (client, _database) = migrated().await;
    client.batch_execute(ICPS_OF_ONE_USER).await.expect("must insert");
    let few = pages_of_a_change(&client, 1, 2).await;
    let many = pages_of_a_change(&client, 2, 10_000).await;
    assert!(many <= few + 5, "{few} pages have become {many}");
}
