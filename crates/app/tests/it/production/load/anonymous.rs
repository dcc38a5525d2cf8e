//! Measures how an anonymous client affects users. The client opens 1,500 connections, and each connection sends one
//! request per second. A debug build can respond to a few thousand requests per second.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::probe::{Probe, measure_idle};
use crate::support::{LIST, Service, Setup};

const CONNECTIONS: u32 = 1_500;
/// The time between two requests of one connection.
const PERIOD: Duration = Duration::from_secs(1);
const LIVENESS_PATH: &str = "/health/live";
/// The limit of the response time of `LIVENESS_PATH` during an attack.
const MAX_RESPONSE_TIME: Duration = Duration::from_millis(200);
/// The limit of the additional memory in bytes, compared with an idle service.
const MAX_ADDITIONAL_MEMORY: u64 = 150_000_000;
/// Additional tolerance for the response time on a busy machine.
const JITTER: Duration = Duration::from_millis(100);

/// Returns the path of the largest asset.
async fn find_largest_asset(service: &Service) -> String {
    let page = service.get("/docs", None).await.body;
    let address = page.split('"').find(|text| text.ends_with("swagger-ui-bundle.js"));
    format!("/{}", address.expect("the page must name the script"))
}

/// Sends a request every second, after a first delay of `phase`. If `reads_responses` is false, sends only one request
/// and does not read the response.
async fn send_repeatedly(
    address: SocketAddr,
    request: String,
    reads_responses: bool,
    phase: Duration,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let mut bytes = vec![0; 64 * 1_024];
    sleep(phase).await;
    loop {
        let next = Instant::now() + PERIOD;
        stream.write_all(request.as_bytes()).await?;
        if !reads_responses {
            std::future::pending::<()>().await;
        }
        while let Ok(length) = timeout_at(next, stream.read(&mut bytes)).await {
            if length? == 0 {
                return Ok(());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of a minute: cargo xtask test --all"]
async fn anonymous_requests_do_not_delay_users() {
    let service = Setup::new().with("ICP__LOG__LEVEL", "warn").start();
    let address: SocketAddr = service.socket_address().parse().expect("the address must be valid");
    let asset = find_largest_asset(&service).await;
    let token = service.token("user_eve");
    let invalid_token = format!("authorization: Bearer {token}x\r\n");
    let gzip = "accept-encoding: gzip\r\n";
    let attacks = [
        ("HEAD", asset.as_str(), gzip, true),
        ("GET", &asset, gzip, true),
        ("GET", &asset, "", false),
        ("GET", "/api/v1/openapi.json", gzip, true),
        ("GET", "/docs", gzip, true),
        ("GET", LIVENESS_PATH, gzip, true),
        ("GET", "/health/ready", gzip, true),
        ("GET", "/nothing", gzip, true),
        ("BREW", "/docs", gzip, true),
        ("GET", LIST, gzip, true),
        ("GET", LIST, &invalid_token, true),
    ];
    let other = service.token("user_other");
    assert_eq!(service.list("user_other").await.status, 200);
    let idle = measure_idle(&service, LIVENESS_PATH, None);
    let idle_list = measure_idle(&service, LIST, Some(&other));
    let mut failures = Vec::new();
    for (method, path, headers, reads_responses) in attacks {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        let attackers: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let phase = PERIOD * number / CONNECTIONS;
                tokio::spawn(send_repeatedly(address, request.clone(), reads_responses, phase))
            })
            .collect();
        sleep(PERIOD / 2).await;
        let probe = Probe::start(&service, LIVENESS_PATH, None);
        let list = Probe::start(&service, LIST, Some(&other));
        sleep(PERIOD).await;
        attackers.iter().for_each(tokio::task::JoinHandle::abort);
        let stop = || (probe.stop(), list.stop());
        let (liveness, list) = tokio::task::spawn_blocking(stop).await.expect("the task must not panic");
        let (worst, memory) = (liveness.times.last().copied(), liveness.memory.saturating_sub(idle.memory));
        let line = format!(
            "{method} {path} {headers:.22?}: {worst:?}, p99 {:?}, lists {:?}, {memory} bytes",
            liveness.p99(),
            list.p99()
        );
        println!("{line}");
        let is_slow =
            worst.is_none_or(|worst| worst > MAX_RESPONSE_TIME) || list.p99() > idle_list.p99() * 10 + JITTER;
        if is_slow
            || memory > MAX_ADDITIONAL_MEMORY
            || !liveness.failures.is_empty()
            || !list.failures.is_empty()
        {
            failures.push(format!("{line}, {:?}, {:?}", liveness.failures.first(), list.failures.first()));
        }
    }
    assert!(
        failures.is_empty(),
        "an idle service responds within {:?}\n{}",
        idle.times.last(),
        failures.join("\n")
    );
}
