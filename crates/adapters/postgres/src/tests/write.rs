//! The query plan of the statement that replaces an ICP.

use icp_domain::{Icp, IcpChange};
use icp_ports::{Quota, Version};
use icp_testkit::fixtures::{icp, stamp_without_history};
use tokio_postgres::Client;

use super::explain::{INSERT_ICPS_WITH_ONE_USER, explain, migrated_database};
use crate::write::{Replace, user_texts};

const PARAMETER_TYPES: &str = "uuid, bigint, text, timestamptz, timestamptz, text, text, text, text[], text[], bigint, bigint, \
     timestamptz, text, text, text, text, text, bool";

/// Stores an ICP with `users` users. Returns the number of pages that PostgreSQL reads in order to rename this ICP.
async fn pages_of_rename(client: &Client, number: u128, users: usize) -> u32 {
    let users: Vec<_> = (0..users).map(|user| format!("user_{user}")).collect();
    let document = icp(number).with("userIds", users).document();
    let before = document.to_icp().expect("the document must be an ICP");
    let (id, created_at) = (document.id().as_uuid(), document.created_at().as_datetime());
    let store = "WITH stored AS (INSERT INTO icps VALUES ($1, 1, 'x', $2, $2, NULL, 'x', 'x', ',', NULL))
         INSERT INTO icp_members SELECT unnest($3::text[]), $2, $1";
    client
        .execute(store, &[&id, &created_at, &user_texts(document.user_ids())])
        .await
        .expect("the ICP must be stored");
    let after = Icp { name: "after".to_owned(), ..before.clone() };
    let change = IcpChange::between(&before, after);
    // The plan has the text of `Replace` and these values. The last one makes the replaced state a revision.
    let values = format!(
        "'{id}', 1, 'after', now(), NULL, 'after', 'after', ',', '{{}}', '{{}}', 100000, 1000000, \
         now(), 'user_0', NULL, 'api', 'update', '[]', true"
    );
    explain(
        client,
        &Replace::new(&change, Version(1), Quota::UNLIMITED, stamp_without_history()),
        PARAMETER_TYPES,
        &values,
    )
    .await
    .1
}

#[tokio::test]
async fn change_does_not_read_unchanged_users() {
    let (client, _database) = migrated_database().await;
    client.batch_execute(INSERT_ICPS_WITH_ONE_USER).await.expect("the rows must be inserted");
    let pages_with_2_users = pages_of_rename(&client, 1, 2).await;
    let pages_with_10000_users = pages_of_rename(&client, 2, 10_000).await;
    assert!(
        pages_with_10000_users <= pages_with_2_users + 5,
        "{pages_with_2_users} pages with 2 users, but {pages_with_10000_users} pages with 10000 users"
    );
}
