//! Sends ten times as many requests as the database can execute.
//!
//! The capacity does not depend on the machine, because each query sleeps for 100 ms. A page needs one query, which
//! is not part of a batch. Four of five connections read pages, so the capacity is 40 pages per second.

use std::time::{Duration, Instant};

use icp_test_postgres::Server;
use tokio::time::sleep;

use crate::support::{LIST, Service, Setup, client};

const SLOW_DOWN_QUERIES: &str = "
    ALTER TABLE icp_members RENAME TO icp_members_itself;
    CREATE VIEW icp_members AS SELECT icp_members_itself.*
        FROM (SELECT pg_sleep(0.1) OFFSET 0) AS slowly, icp_members_itself;";
/// The number of pages that the database can return per second.
const CAPACITY: u32 = 40;
/// Maximum time for which a request waits for a database connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(500);
/// Tolerance for a busy machine.
const JITTER: Duration = Duration::from_millis(50);

struct MeasuredResponse {
    status: u16,
    duration: Duration,
}

/// Sends requests at a fixed rate, for each user in turn. Returns the status and the duration of each response.
async fn send_at_rate(
    service: &Service,
    tokens: &[String],
    per_second: u32,
    seconds: u32,
) -> Vec<MeasuredResponse> {
    let (client, url) = (client(), format!("{}{LIST}?limit=1", service.address));
    let start = Instant::now();
    let mut requests = Vec::new();
    for number in 0..per_second * seconds {
        let send_time = Duration::from_secs(1) * number / per_second;
        if let Some(delay) = send_time.checked_sub(start.elapsed()) {
            sleep(delay).await;
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
            MeasuredResponse { status, duration: sent.elapsed() }
        }));
    }
    futures_util::future::join_all(requests)
        .await
        .into_iter()
        .map(|response| response.expect("the task must not panic"))
        .collect()
}

fn percentile(responses: &[MeasuredResponse], status: u16, part: f64) -> Duration {
    let mut times: Vec<_> = responses
        .iter()
        .filter(|response| response.status == status)
        .map(|response| response.duration)
        .collect();
    times.sort();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "there are only a few thousand responses"
    )]
    let index = ((times.len() as f64 - 1.0) * part) as usize;
    times.get(index).copied().unwrap_or_default()
}

fn count_status(responses: &[MeasuredResponse], status: u16) -> u32 {
    u32::try_from(responses.iter().filter(|response| response.status == status).count()).unwrap_or(u32::MAX)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: cargo xtask test --all"]
async fn overload_does_not_delay_accepted_requests() {
    const SECONDS: u32 = 3;
    let server = Server::start().expect("the server must start");
    let setup = Setup::new()
        .with("ICP__DATABASE__URL", &server.url("postgres"))
        .with("ICP__DATABASE__ACQUIRE_TIMEOUT_MILLISECONDS", &ACQUIRE_TIMEOUT.as_millis().to_string())
        .with("ICP__DATABASE__MAX_CONNECTIONS", "5")
        .with("ICP__SERVER__WORKERS", "2")
        .with("ICP__LOG__LEVEL", "warn");
    assert!(setup.icp(&["migrate"]).status.success());
    // With one ICP, every plan of PostgreSQL calls `pg_sleep` once. Several users send requests, because the service
    // does not let a single user occupy all connections.
    let users: Vec<_> = (0..8).map(|number| format!("user_{number}")).collect();
    let icp = icp_testkit::fixtures::icp(1).with("userIds", users.clone()).document().into_json();
    assert!(setup.icp_with_input(&["import"], icp.as_bytes()).status.success());
    server.execute(SLOW_DOWN_QUERIES).expect("the statement must succeed");
    let service = setup.start();
    let tokens: Vec<_> = users.iter().map(|user| service.token(user)).collect();
    send_at_rate(&service, &tokens, 8, 2).await;

    let unloaded = send_at_rate(&service, &tokens, CAPACITY / 5, SECONDS).await;
    assert_eq!(
        count_status(&unloaded, 200),
        CAPACITY / 5 * SECONDS,
        "without overload, the service must accept every request"
    );
    let doubled = send_at_rate(&service, &tokens, CAPACITY * 2, SECONDS).await;
    let check_readiness = async {
        let mut ready = Vec::new();
        for _ in 0..SECONDS {
            sleep(Duration::from_secs(1)).await;
            ready.push(service.get("/health/ready", None).await.status.as_u16());
        }
        ready
    };
    let (loaded, ready) =
        tokio::join!(send_at_rate(&service, &tokens, CAPACITY * 10, SECONDS), check_readiness);
    assert!(
        ready.iter().all(|status| *status == 200),
        "the service must stay ready during overload: {ready:?}"
    );

    let (unloaded_p99, loaded_p99) = (percentile(&unloaded, 200, 0.99), percentile(&loaded, 200, 0.99));
    let rejected_p99 = percentile(&loaded, 503, 0.99);
    let (accepted_at_double, accepted, rejected) =
        (count_status(&doubled, 200), count_status(&loaded, 200), count_status(&loaded, 503));
    println!(
        "unloaded: p99 {unloaded_p99:?}; at twice the capacity: {accepted_at_double} accepted; \
         at ten times: {accepted} accepted with p99 {loaded_p99:?}, \
         {rejected} rejected with p99 {rejected_p99:?}"
    );
    assert_eq!(accepted + rejected, CAPACITY * 10 * SECONDS, "every response must have status 200 or 503");
    assert!(
        accepted * 10 >= accepted_at_double * 8,
        "the number of accepted requests fell from {accepted_at_double} to {accepted}"
    );
    assert!(
        loaded_p99 <= unloaded_p99 * 5 + ACQUIRE_TIMEOUT + JITTER,
        "the p99 of accepted requests rose from {unloaded_p99:?} to {loaded_p99:?}"
    );
    assert!(
        rejected_p99 <= ACQUIRE_TIMEOUT + Duration::from_millis(100),
        "the p99 of rejected requests is {rejected_p99:?}"
    );
}
