//! Ten times the load that the database can serve.
//!
//! The database sleeps, so the figures do not depend on the machine. A page takes 100 ms, and is read alone, not in a batch.
//! Four of five connections read pages, which makes 40 pages per second.

use std::time::{Duration, Instant};

use icp_test_postgres::Server;
use tokio::time::sleep;

use crate::support::{LIST, Service, Setup, client};

const SLOW: &str = "
    ALTER TABLE icp_members RENAME TO icp_members_itself;
    CREATE VIEW icp_members AS SELECT icp_members_itself.*
        FROM (SELECT pg_sleep(0.1) OFFSET 0) AS slowly, icp_members_itself;";
const CAPACITY: u32 = 40;
const WAIT: Duration = Duration::from_millis(500);
/// Tolerance for a busy machine.
const JITTER: Duration = Duration::from_millis(50);

struct Outcome {
    status: u16,
    took: Duration,
}

/// Sends requests of all users in turn at a fixed rate for some time, and ignores the responses.
async fn offer(service: &Service, tokens: &[String], per_second: u32, seconds: u32) -> Vec<Outcome> {
    let (client, url) = (client(), format!("{}{LIST}?limit=1", service.address));
    let start = Instant::now();
    let mut requests = Vec::new();
    for number in 0..per_second * seconds {
        let due = Duration::from_secs(1) * number / per_second;
        if let Some(early) = due.checked_sub(start.elapsed()) {
            sleep(early).await;
        }
        let token = &tokens[number as usize % tokens.len()];
        let request = client.get(&url).bearer_auth(token);
        requests.push(tokio::spawn(async move {
            let sent = Instant::now();
            let response = request.send().await.expect("the service must respond");
            let status = response.status().as_u16();
            if status == 503 {
                assert_eq!(response.headers().get("retry-after").expect("the header must be present"), "1");
            }
            response.bytes().await.expect("the body must be complete");
            Outcome { status, took: sent.elapsed() }
        }));
    }
    futures_util::future::join_all(requests)
        .await
        .into_iter()
        .map(|outcome| outcome.expect("the task must not panic"))
        .collect()
}

fn percentile(outcomes: &[Outcome], status: u16, part: f64) -> Duration {
    let mut times: Vec<_> =
        outcomes.iter().filter(|outcome| outcome.status == status).map(|outcome| outcome.took).collect();
    times.sort();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "there are a few thousand"
    )]
    let index = ((times.len() as f64 - 1.0) * part) as usize;
    times.get(index).copied().unwrap_or_default()
}

fn count(outcomes: &[Outcome], status: u16) -> u32 {
    u32::try_from(outcomes.iter().filter(|outcome| outcome.status == status).count()).unwrap_or(u32::MAX)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: cargo xtask test --all"]
async fn overload_is_rejected_and_rest_served_in_time() {
    const SECONDS: u32 = 3;
    let server = Server::start().expect("the server must start");
    let setup = Setup::new()
        .with("ICP__DATABASE__URL", &server.url("postgres"))
        .with("ICP__DATABASE__ACQUIRE_TIMEOUT_MILLISECONDS", &WAIT.as_millis().to_string())
        .with("ICP__DATABASE__MAX_CONNECTIONS", "5")
        .with("ICP__SERVER__WORKERS", "2")
        .with("ICP__LOG__LEVEL", "warn");
    assert!(setup.icp(&["migrate"]).status.success());
    // With one ICP, every plan of PostgreSQL calls the slow function once.
    // Several users send requests, because a single user may not occupy all connections.
    let users: Vec<_> = (0..8).map(|number| format!("user_{number}")).collect();
    let icp = icp_testkit::fixtures::icp(1).with("userIds", users.clone()).document().into_json();
    assert!(setup.icp_with_input(&["import"], icp.as_bytes()).status.success());
    server.execute(SLOW).expect("the statement must succeed");
    let service = setup.start();
    let tokens: Vec<_> = users.iter().map(|user| service.token(user)).collect();
    offer(&service, &tokens, 8, 2).await;

    let unloaded = offer(&service, &tokens, CAPACITY / 5, SECONDS).await;
    assert_eq!(count(&unloaded, 200), CAPACITY / 5 * SECONDS, "all are served");
    let doubled = offer(&service, &tokens, CAPACITY * 2, SECONDS).await;
    let probing = async {
        let mut ready = Vec::new();
        for _ in 0..SECONDS {
            sleep(Duration::from_secs(1)).await;
            ready.push(service.get("/health/ready", None).await.status.as_u16());
        }
        ready
    };
    let (loaded, ready) = tokio::join!(offer(&service, &tokens, CAPACITY * 10, SECONDS), probing);
    assert!(ready.iter().all(|status| *status == 200), "a balancer would send no requests: {ready:?}");

    let (usual, late) = (percentile(&unloaded, 200, 0.99), percentile(&loaded, 200, 0.99));
    let refused = percentile(&loaded, 503, 0.99);
    let (best, good, rejected) = (count(&doubled, 200), count(&loaded, 200), count(&loaded, 503));
    println!(
        "unloaded: p99 {usual:?}; at twice the capacity: {best} served; at ten times: {good} served with p99 {late:?}, \
         {rejected} turned away with p99 {refused:?}"
    );
    assert_eq!(good + rejected, CAPACITY * 10 * SECONDS, "there are no other statuses");
    assert!(good * 10 >= best * 8, "goodput fell from {best} to {good}");
    assert!(late <= usual * 5 + WAIT + JITTER, "{late:?} against {usual:?}");
    assert!(refused <= WAIT + Duration::from_millis(100), "{refused:?}");
}
