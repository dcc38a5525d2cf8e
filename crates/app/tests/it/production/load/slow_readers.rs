//! Tests a thousand clients that read a long list slowly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use icp_test_postgres as postgres;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep};

use crate::production::metric;
use crate::support::{LIST, Setup};

const READERS: usize = 1_000;
const MAX_IN_FLIGHT: u64 = 256;
const DURATION: Duration = Duration::from_secs(8);

/// Returns 1,024 ICPs for an import, which have 8 MiB in total.
fn build_long_list() -> String {
    let icp = |number: usize| {
        json!({
            "id": format!("00000000-0000-4000-8000-{number:012}"), "name": format!("ICP {number}"),
            "createdAt": "2024-01-15T10:30:00.000Z", "updatedAt": "2024-01-15T10:30:00.000Z", "userIds": ["user_big"],
            "leadProviderCriteria": [{"provider": "baseProvider", "filters": {"text": "x".repeat(8_000)}}],
        })
    };
    (0..1_024).map(|number| icp(number).to_string() + "\n").collect()
}

/// Requests a list, reads 10 kB of the response per second, and returns the status.
async fn read_slowly(
    address: std::net::SocketAddr,
    path: &str,
    token: &str,
    until: Instant,
) -> std::io::Result<u16> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(8 * 1024)?;
    let mut stream = socket.connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = [0; 1_000];
    let length = stream.read(&mut bytes).await?;
    let head = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    // The connection stays open after a rejection, so another read would block.
    while status == 200 && Instant::now() < until && stream.read(&mut bytes).await? > 0 {
        sleep(Duration::from_millis(100)).await;
    }
    Ok(status)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: cargo xtask test --all"]
async fn slow_readers_of_long_list_delay_no_other_request() {
    assert_slow_readers_are_limited(LIST, 60_000_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: cargo xtask test --all"]
async fn slow_readers_of_pages_delay_no_other_request() {
    assert_slow_readers_are_limited("/api/v1/entities/icps?limit=500", 200_000_000).await;
}

/// Runs [`READERS`] slow readers. Checks that the service needs at most `max_memory` more bytes than an idle service.
async fn assert_slow_readers_are_limited(path: &'static str, max_memory: u64) {
    let database = postgres::shared().database();
    let setup = Setup::new().with("ICP__DATABASE__URL", database.url()).with("ICP__LOG__LEVEL", "warn");
    // A debug build reads a long list ten times as slowly as a release build. With the default timeout, requests that
    // wait for a connection would fail.
    let setup = setup.with("ICP__DATABASE__ACQUIRE_TIMEOUT_MILLISECONDS", "4000");
    assert!(setup.icp_with_input(&["import"], build_long_list().as_bytes()).status.success());
    let service = setup.start();
    let (slow_token, other_token) = (service.token("user_big"), service.token("user_other"));
    for _ in 0..20 {
        assert_eq!(service.get(LIST, Some(&other_token)).await.status, 200);
    }
    let idle = metric(&service, "icp_process_resident_memory_bytes").await;
    let address = service.socket_address().parse().expect("the address must be valid");
    let until = Instant::now() + DURATION;
    let (accepted, rejected, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let counts = Arc::new([accepted, rejected, failed]);
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (token, counts) = (slow_token.clone(), Arc::clone(&counts));
            tokio::spawn(async move {
                let outcome = match read_slowly(address, path, &token, until).await {
                    Ok(200) => 0,
                    Ok(503) => 1,
                    _ => 2,
                };
                counts[outcome].fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    let (mut memory, mut in_flight, mut other_requests) = (0, 0, 0);
    sleep(Duration::from_secs(3)).await;
    while Instant::now() < until {
        let response = service.get(LIST, Some(&other_token)).await;
        assert_eq!(response.status, 200, "the service must respond to another user: {response:?}");
        other_requests += 1;
        memory = memory.max(metric(&service, "icp_process_resident_memory_bytes").await.saturating_sub(idle));
        in_flight = in_flight.max(metric(&service, "icp_http_requests_in_flight").await);
        sleep(Duration::from_millis(100)).await;
    }
    for reader in readers {
        reader.await.expect("the task must not panic");
    }
    let [accepted, rejected, failed] = [0, 1, 2].map(|outcome| counts[outcome].load(Ordering::Relaxed));
    println!(
        "{accepted} served slowly, {rejected} rejected, {failed} broken; {other_requests} others; {in_flight} in flight; {memory} bytes"
    );
    assert!(
        accepted > 0 && rejected > 0 && failed == 0,
        "{accepted} served, {rejected} rejected, {failed} broken"
    );
    assert!(in_flight <= MAX_IN_FLIGHT, "{in_flight} requests were in flight");
    assert!(
        in_flight >= accepted as u64,
        "a request must be in flight while its response is sent: {in_flight}"
    );
    assert!(memory < max_memory, "the service needs {memory} more bytes than an idle service");
}
