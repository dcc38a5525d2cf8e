//! Tests the graceful shutdown.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::support::{LIST, Setup};

#[tokio::test]
async fn sigint_stops_service_without_drain() {
    for signal in ["TERM", "INT"] {
        let mut service = Setup::new().start();
        assert_eq!(service.list("user_abc123").await.status, 200);
        let started = Instant::now();
        service.signal(signal);
        let status = service.wait_for_exit(Duration::from_secs(20)).expect("the process must end");
        assert!(status.success(), "{signal}: {status}");
        assert!(
            signal == "TERM" || started.elapsed() < Duration::from_secs(4),
            "after SIGINT, the service must stop without a drain time"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_fails_before_listener_closes() {
    let mut service = Setup::new().with("ICP__SERVER__DRAIN_SECONDS", "3").start();
    let token = service.token("user_abc123");
    let client = crate::support::client();
    let request_list = || client.get(format!("{}{LIST}", service.address)).bearer_auth(&token).send();
    assert_eq!(request_list().await.expect("the service must respond").headers().get("connection"), None);
    service.signal("TERM");
    let timeout = Duration::from_secs(2);
    let is_not_ready = async || service.get("/health/ready", None).await.status == 503;
    assert!(
        crate::support::eventually(timeout, is_not_ready).await,
        "the service must report that it is not ready"
    );
    let ready = service.get("/health/ready", None).await.json();
    assert_eq!((&ready["status"], &ready["checks"]["service"]), (&"not ready".into(), &"stopping".into()));
    // Load balancers still send requests until their next readiness check.
    let response = request_list().await.expect("the service must respond");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("connection").expect("the header must be present"), "close");
    assert_eq!(service.get("/health/live", None).await.status, 200);
    assert!(service.wait_for_exit(Duration::from_secs(20)).expect("the process must end").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_waits_for_requests_in_flight() {
    // The paused database keeps the request in flight.
    let server = icp_test_postgres::Server::start().expect("PostgreSQL must start");
    let database = server.database().expect("the database must be created");
    let mut service = Setup::new()
        .with("ICP__SERVER__DRAIN_SECONDS", "0")
        .with("ICP__DATABASE__URL", database.url())
        .start();
    let token = service.setup.token(&["--user", "user_ada"]);
    assert_eq!(service.get(LIST, Some(&token)).await.status, 200);
    server.pause().expect("the server must be paused");
    let request = crate::support::client().get(format!("{}{LIST}", service.address)).bearer_auth(&token);
    let in_flight = tokio::spawn(crate::support::Response::fetch(request));
    tokio::time::sleep(Duration::from_millis(500)).await;
    service.signal("TERM");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let connection = std::net::TcpStream::connect(service.socket_address());
    assert!(connection.is_err(), "the service must accept no new connection");
    server.resume().expect("the server must resume");
    let response = in_flight.await.expect("the service must respond");
    assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "[]"));
    assert!(service.wait_for_exit(Duration::from_secs(20)).expect("the process must end").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn second_signal_stops_immediately() {
    let server = icp_test_postgres::Server::start().expect("PostgreSQL must start");
    let database = server.database().expect("the database must be created");
    let mut service = Setup::new()
        .with("ICP__SERVER__DRAIN_SECONDS", "0")
        .with("ICP__DATABASE__URL", database.url())
        .start();
    let token = service.setup.token(&["--user", "user_ada"]);
    assert_eq!(service.get(LIST, Some(&token)).await.status, 200);
    // The service waits for this request after the first signal.
    server.pause().expect("the server must be paused");
    let mut socket = std::net::TcpStream::connect(service.socket_address()).expect("the client must connect");
    let request = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("the bytes must be sent");
    tokio::time::sleep(Duration::from_millis(300)).await;
    service.signal("TERM");
    assert!(
        service.wait_for_exit(Duration::from_millis(500)).is_none(),
        "after the first signal, the service must wait for the request"
    );
    let started = Instant::now();
    service.signal("TERM");
    assert!(
        service.wait_for_exit(Duration::from_secs(2)).is_some(),
        "the second signal must end the service within 2 s, but it still runs after {:?}",
        started.elapsed()
    );
    // A paused server would delay the end of the test.
    server.resume().expect("the server must resume");
}
