//! Graceful shutdown.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::support::{LIST, Setup};

#[tokio::test]
async fn signal_stops_service() {
    for signal in ["TERM", "INT"] {
        let mut service = Setup::new().start();
        assert_eq!(service.list("user_abc123").await.status, 200);
        let started = Instant::now();
        service.signal(signal);
        let status = service.ended_within(Duration::from_secs(20)).expect("the process must end");
        assert!(status.success(), "{signal}: {status}");
        assert!(signal == "TERM" || started.elapsed() < Duration::from_secs(4), "who presses Ctrl-C waits");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_fails_before_listener_closes() {
    let mut service = Setup::new().with("ICP__SERVER__DRAIN_SECONDS", "3").start();
    let token = service.token("user_abc123");
    let client = crate::support::client();
    let list = || client.get(format!("{}{LIST}", service.address)).bearer_auth(&token).send();
    assert_eq!(list().await.expect("the service must respond").headers().get("connection"), None);
    service.signal("TERM");
    let limit = Duration::from_secs(2);
    let is_not_ready = async || service.get("/health/ready", None).await.status == 503;
    assert!(crate::support::eventually(limit, is_not_ready).await, "it reports that it is not ready");
    let ready = service.get("/health/ready", None).await.json();
    assert_eq!((&ready["status"], &ready["checks"]["service"]), (&"not ready".into(), &"stopping".into()));
    // Load balancers still send requests for a while.
    let response = list().await.expect("the service must respond");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("connection").expect("the header must be present"), "close");
    assert_eq!(service.get("/health/live", None).await.status, 200);
    assert!(service.ended_within(Duration::from_secs(20)).expect("the process must end").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_finish() {
    // A hanging database keeps the request in flight.
    let server = icp_test_postgres::Server::start().expect("PostgreSQL must start");
    let database = server.database().expect("a database");
    let mut service = Setup::new()
        .with("ICP__SERVER__DRAIN_SECONDS", "0")
        .with("ICP__DATABASE__URL", database.url())
        .start();
    let token = service.setup.token(&["--user", "user_ada"]);
    assert_eq!(service.get(LIST, Some(&token)).await.status, 200);
    server.pause().expect("the server must be paused");
    let request = crate::support::client().get(format!("{}{LIST}", service.address)).bearer_auth(&token);
    let in_flight = tokio::spawn(crate::support::Response::of(request));
    tokio::time::sleep(Duration::from_millis(500)).await;
    service.signal("TERM");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused = std::net::TcpStream::connect(service.socket());
    assert!(refused.is_err(), "no new connection is accepted");
    server.resume().expect("the server must resume");
    let response = in_flight.await.expect("must be answered");
    assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "[]"));
    assert!(service.ended_within(Duration::from_secs(20)).expect("the process must end").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn second_signal_stops_immediately() {
    let server = icp_test_postgres::Server::start().expect("PostgreSQL must start");
    let database = server.database().expect("a database");
    let mut service = Setup::new()
        .with("ICP__SERVER__DRAIN_SECONDS", "0")
        .with("ICP__DATABASE__URL", database.url())
        .start();
    let token = service.setup.token(&["--user", "user_ada"]);
    assert_eq!(service.get(LIST, Some(&token)).await.status, 200);
    // A request for which the first signal waits.
    server.pause().expect("the server must be paused");
    let mut socket = std::net::TcpStream::connect(service.socket()).expect("the client must connect");
    let request = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("the bytes must be sent");
    tokio::time::sleep(Duration::from_millis(300)).await;
    service.signal("TERM");
    assert!(service.ended_within(Duration::from_millis(500)).is_none(), "it waits");
    let started = Instant::now();
    service.signal("TERM");
    assert!(service.ended_within(Duration::from_secs(2)).is_some(), "after {:?}", started.elapsed());
    // A frozen server ends late.
    server.resume().expect("the server must resume");
}
