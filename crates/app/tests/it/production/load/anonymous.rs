//! An anonymous client with 1,500 connections, on every route. Each connection sends one request per second. A debug build
//! serves a few thousand.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::probe::{Probe, when_idle};
use crate::support::{LIST, Service, Setup};

const CONNECTIONS: u32 = 1_500;
const PERIOD: Duration = Duration::from_secs(1);
const LIVE: &str = "/health/live";
/// The bounds of the service, in time and in bytes beyond idle.
const LIMIT: Duration = Duration::from_millis(200);
const MEMORY: u64 = 150_000_000;
/// The limit on a busy machine.
const JITTER: Duration = Duration::from_millis(100);

/// The address of the largest file.
async fn viewer(service: &Service) -> String {
    let page = service.get("/docs", None).await.body;
    let address = page.split('"').find(|text| text.ends_with("swagger-ui-bundle.js"));
    format!("/{}", address.expect("the page must name the script"))
}

/// Sends a request every second, with the offset `phase`. A client that does not read sends only one.
async fn attack(address: SocketAddr, request: String, reads: bool, phase: Duration) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let mut bytes = vec![0; 64 * 1_024];
    sleep(phase).await;
    loop {
        let next = Instant::now() + PERIOD;
        stream.write_all(request.as_bytes()).await?;
        if !reads {
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
    let viewer = viewer(&service).await;
    let token = service.token("user_eve");
    let forged = format!("authorization: Bearer {token}x\r\n");
    let gzip = "accept-encoding: gzip\r\n";
    let attacks = [
        ("HEAD", viewer.as_str(), gzip, true),
        ("GET", &viewer, gzip, true),
        ("GET", &viewer, "", false),
        ("GET", "/api/v1/openapi.json", gzip, true),
        ("GET", "/docs", gzip, true),
        ("GET", LIVE, gzip, true),
        ("GET", "/health/ready", gzip, true),
        ("GET", "/nothing", gzip, true),
        ("BREW", "/docs", gzip, true),
        ("GET", LIST, gzip, true),
        ("GET", LIST, &forged, true),
    ];
    let other = service.token("user_other");
    assert_eq!(service.list("user_other").await.status, 200);
    let idle = when_idle(&service, LIVE, None);
    let idle_list = when_idle(&service, LIST, Some(&other));
    let mut failures = Vec::new();
    for (method, path, headers, reads) in attacks {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        let attackers: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let phase = PERIOD * number / CONNECTIONS;
                tokio::spawn(attack(address, request.clone(), reads, phase))
            })
            .collect();
        sleep(PERIOD / 2).await;
        let probe = Probe::start(&service, LIVE, None);
        let list = Probe::start(&service, LIST, Some(&other));
        sleep(PERIOD).await;
        attackers.iter().for_each(tokio::task::JoinHandle::abort);
        let stop = || (probe.stop(), list.stop());
        let (noticed, list) = tokio::task::spawn_blocking(stop).await.expect("the task must not panic");
        let (worst, memory) = (noticed.times.last().copied(), noticed.memory.saturating_sub(idle.memory));
        let what = format!(
            "{method} {path} {headers:.22?}: {worst:?}, p99 {:?}, lists {:?}, {memory} bytes",
            noticed.p99(),
            list.p99()
        );
        println!("{what}");
        let is_slow = worst.is_none_or(|worst| worst > LIMIT) || list.p99() > idle_list.p99() * 10 + JITTER;
        if is_slow || memory > MEMORY || !noticed.failures.is_empty() || !list.failures.is_empty() {
            failures.push(format!("{what}, {:?}, {:?}", noticed.failures.first(), list.failures.first()));
        }
    }
    assert!(failures.is_empty(), "when idle: {:?}\n{}", idle.times.last(), failures.join("\n"));
}
