//! The list of a user with 2,500 ICPs of 1 MB each. Other users can create such a list by adding the user to their
//! ICPs.

use std::time::Duration;

use icp_test_postgres as postgres;
use tokio_postgres::NoTls;

use super::metric;
use crate::support::{LIST, Setup, client};

const ICP_COUNT: usize = 2_500;
const BYTES_PER_ICP: usize = 1_000_000;
/// The maximum memory in bytes that the service may use in addition to the memory of an idle service.
const MAX_ADDITIONAL_MEMORY: u64 = 100_000_000;

/// Stores `icps` ICPs of the users `user_eve` and `user_ada`. Each ICP contains a text of `bytes` bytes.
pub(crate) async fn store_icps(url: &str, icps: usize, bytes: usize) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the client must connect");
    tokio::spawn(connection);
    let text = format!(
        r#"{{"id":"' || id || '","name":"x","description":null,"createdAt":"2024-01-15T10:30:00.000Z","updatedAt":"2024-01-15T10:30:00.000Z","leadProviderCriteria":[{{"provider":"baseProvider","type":"person","filters":{{"text":"' || repeat('x', {bytes}) || '"}}}}],"customFilterCriteria":[],"crmFilters":null,"userIds":["user_eve","user_ada"],"leadsPerList":10,"activeUntil":null}}"#
    );
    let store = format!(
        "WITH stored AS (INSERT INTO icps (id, name, created_at, updated_at, document, name_folded, providers)
            SELECT id, 'x', time, time, '{text}', 'x', ',' FROM
                (SELECT gen_random_uuid() AS id, timestamptz '2024-01-15T10:30:00Z' AS time FROM generate_series(1, {icps}))
                AS new
            RETURNING id, created_at)
        INSERT INTO icp_members SELECT unnest(ARRAY['user_eve', 'user_ada']), created_at, id FROM stored"
    );
    client.batch_execute(&store).await.expect("the rows must be stored");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: cargo xtask test --all"]
async fn very_long_list_is_complete() {
    let database = postgres::shared().database();
    let setup = Setup::new().with("ICP__DATABASE__URL", database.url()).with("ICP__LOG__LEVEL", "warn");
    assert!(setup.icp(&["migrate"]).status.success());
    store_icps(database.url(), ICP_COUNT, BYTES_PER_ICP).await;
    let service = setup.start();
    let (ada, other) = (service.token("user_ada"), service.token("user_other"));
    assert_eq!(service.get(LIST, Some(&other)).await.status, 200);
    let idle = metric(&service, "icp_process_resident_memory_bytes").await;

    let request =
        client().get(format!("{}{LIST}", service.address)).bearer_auth(&ada).timeout(Duration::from_mins(2));
    let mut response = request.send().await.expect("the service must respond");
    assert_eq!(response.status(), 200);
    let (mut length, mut memory, mut last) = (0, 0, 0);
    while let Some(chunk) = response.chunk().await.expect("the list must be complete") {
        if length / 100_000_000 < (length + chunk.len()) / 100_000_000 {
            memory = memory.max(metric(&service, "icp_process_resident_memory_bytes").await);
        }
        length += chunk.len();
        last = *chunk.last().expect("a chunk must not be empty");
    }
    let memory = memory.saturating_sub(idle);
    println!("{length} bytes, {memory} bytes of memory");
    let icp_length = service.get(&format!("{LIST}?limit=1"), Some(&ada)).await.body.len() - "[]".len();
    // All ICPs have the same length. In addition, the list contains brackets, and commas between the ICPs.
    assert_eq!((length, last), (ICP_COUNT * icp_length + (ICP_COUNT - 1) + "[]".len(), b']'));
    assert!(memory < MAX_ADDITIONAL_MEMORY, "{memory} bytes of additional memory");

    let page = service.get(&format!("{LIST}?limit=1000"), Some(&ada)).await;
    assert!(page.status == 200 && page.body.len() < 8_000_000, "a page must not be longer than the buffer");
    let sorted = service.get(&format!("{LIST}?limit=5&sort=name&order=desc"), Some(&ada)).await;
    assert!(sorted.status == 200 && sorted.body.len() < 8_000_000, "{}", sorted.status);
}
