//! A user whom other users have added to 2,500 ICPs of a megabyte.

use std::time::Duration;

use icp_test_postgres as postgres;
use tokio_postgres::NoTls;

use super::metric;
use crate::support::{LIST, Setup, client};

const ICPS: usize = 2_500;
const BYTES: usize = 1_000_000;
/// The maximum memory of the service beyond that of an idle one, in bytes.
const MEMORY: u64 = 100_000_000;

/// Stores a number of ICPs of the users `user_eve` and `user_ada`, each with a text of a length in bytes.
pub(crate) async fn flood(url: &str, icps: usize, bytes: usize) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
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
    client.batch_execute(&store).await.expect("must be stored");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: cargo xtask test --all"]
async fn flooded_list_is_complete() {
    let database = postgres::shared().database();
    let setup = Setup::new().with("ICP__DATABASE__URL", database.url()).with("ICP__LOG__LEVEL", "warn");
    assert!(setup.icp(&["migrate"]).status.success());
    flood(database.url(), ICPS, BYTES).await;
    let service = setup.start();
    let (ada, other) = (service.token("user_ada"), service.token("user_other"));
    assert_eq!(service.get(LIST, Some(&other)).await.status, 200);
    let idle = metric(&service, "icp_process_resident_memory_bytes").await;

    let request =
        client().get(format!("{}{LIST}", service.address)).bearer_auth(&ada).timeout(Duration::from_mins(2));
    let mut response = request.send().await.expect("a response");
    assert_eq!(response.status(), 200);
    let (mut length, mut memory, mut last) = (0, 0, 0);
    while let Some(chunk) = response.chunk().await.expect("the list is whole") {
        if length / 100_000_000 < (length + chunk.len()) / 100_000_000 {
            memory = memory.max(metric(&service, "icp_process_resident_memory_bytes").await);
        }
        length += chunk.len();
        last = *chunk.last().expect("a chunk has bytes");
    }
    let memory = memory.saturating_sub(idle);
    println!("{length} bytes, {memory} bytes of memory");
    let one = service.get(&format!("{LIST}?limit=1"), Some(&ada)).await.body.len() - "[]".len();
    // All ICPs are equally long. The list has brackets, and commas between the ICPs.
    assert_eq!((length, last), (ICPS * one + (ICPS - 1) + "[]".len(), b']'));
    assert!(memory < MEMORY, "{memory} bytes beyond idle");

    let page = service.get(&format!("{LIST}?limit=1000"), Some(&ada)).await;
    assert!(page.status == 200 && page.body.len() < 8_000_000, "a page is as long as the buffer");
    let sorted = service.get(&format!("{LIST}?limit=5&sort=name&order=desc"), Some(&ada)).await;
    assert!(sorted.status == 200 && sorted.body.len() < 8_000_000, "{}", sorted.status);
}
