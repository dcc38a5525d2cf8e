//! Checks the responses to requests beyond the concurrency limit and the rate limit.

use std::time::{Duration, Instant};

use icp_test_postgres::Server;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use crate::support::{LIST, Setup, eventually};

#[tokio::test]
async fn overload_rejects_requests_but_serves_operators() {
    let database = Server::start().expect("the server must start");
    let service = Setup::new()
        .with("ICP__DATABASE__URL", &database.url("postgres"))
        .with("ICP__SERVER__MAX_IN_FLIGHT", "2")
        .start();
    let token = service.token("user_ada");
    assert_eq!(service.get(LIST, Some(&token)).await.status, 200);

    database.pause().expect("the server must be paused");
    let request_list = || service.get(LIST, Some(&token));
    let check_rejection = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let start = Instant::now();
        let response = service.get(LIST, Some(&token)).await;
        response.assert_problem(503, "SERVICE_UNAVAILABLE");
        assert_eq!(response.header("retry-after"), "1");
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "the service must reject the request within 1 s, but took {:?}",
            start.elapsed()
        );
        assert_eq!(service.get("/health/live", None).await.status, 200);
        let metrics = service.get("/metrics", None).await.body;
        assert!(metrics.contains("icp_http_requests_in_flight 2"), "{metrics}");
        assert!(metrics.contains(r#"icp_http_requests_refused_total{reason="overload"} 1"#), "{metrics}");
    };
    let (first, second, ()) = tokio::join!(request_list(), request_list(), check_rejection);
    // The paused database does not respond within the statement timeout.
    first.assert_problem(500, "INTERNAL_ERROR");
    second.assert_problem(500, "INTERNAL_ERROR");

    database.resume().expect("the server must resume");
    let timeout = Duration::from_secs(20);
    let recovers =
        crate::support::eventually(timeout, async || service.get(LIST, Some(&token)).await.status == 200);
    assert!(recovers.await, "the service must return the list after the database resumed");
}

#[tokio::test]
async fn slow_request_body_holds_no_permit() {
    let service = Setup::new().with("ICP__SERVER__MAX_IN_FLIGHT", "1").start();
    let token = service.token("user_abc123");
    let mut slow_connection =
        tokio::net::TcpStream::connect(service.socket_address()).await.expect("the client must connect");
    let head = format!(
        "POST {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{"
    );
    slow_connection.write_all(head.as_bytes()).await.expect("the bytes must be sent");
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..3 {
        assert_eq!(service.get(LIST, Some(&token)).await.status, 200);
    }
    let metrics = service.get("/metrics", None).await.body;
    assert!(
        metrics.contains("icp_http_requests_in_flight 1"),
        "only the slow request must be in flight: {metrics}"
    );
}

#[tokio::test]
async fn rate_limit_is_per_user() {
    let service = Setup::new().with("ICP__SERVER__REQUESTS_PER_MINUTE", "3").start();
    let (ada, eve) = (service.token("user_ada"), service.token("user_eve"));
    for remaining in [2, 1, 0] {
        let response = service.get(LIST, Some(&ada)).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("ratelimit-policy"), r#""user";q=3;w=60"#);
        assert!(
            response.header("ratelimit").starts_with(&format!(r#""user";r={remaining};t="#)),
            "{response:?}"
        );
    }
    let response = service.get(LIST, Some(&ada)).await;
    response.assert_problem(429, "TOO_MANY_REQUESTS");
    let wait: u64 = response.header("retry-after").parse().expect("the text must be a number of seconds");
    assert!(
        (1..=20).contains(&wait),
        "with 3 requests per minute, the next request must be allowed within 20 s, not after {wait} s"
    );
    assert_eq!(response.header("ratelimit"), format!(r#""user";r=0;t={wait}"#));
    assert_eq!(service.get(LIST, Some(&eve)).await.status, 200, "another user must have a separate quota");
    assert_eq!(
        service.get(LIST, None).await.status,
        401,
        "a request without a token must get 401, not the 429 of a used-up quota"
    );
    let metrics = service.get("/metrics", None).await.body;
    assert!(metrics.contains(r#"icp_http_requests_refused_total{reason="rate_limit"} 1"#), "{metrics}");
}

#[tokio::test]
async fn no_rate_limit_headers_without_rate_limit() {
    let response = Setup::new().start().list("user_ada").await;
    assert_eq!((response.header("ratelimit"), response.header("ratelimit-policy")), ("", ""));
}

/// Each client sends several requests and reads no response. The responses are longer than the buffers of a connection.
#[tokio::test]
async fn anonymous_requests_beyond_limit_are_rejected() {
    // The limit of anonymous requests in flight is 64.
    const SLOW_CLIENTS: usize = 80;
    let service = Setup::new().start();
    let page = service.get("/docs", None).await.body;
    let script = page
        .split('"')
        .find(|text| text.ends_with("swagger-ui-bundle.js"))
        .expect("the page must name the script");
    let request = format!("GET /{script} HTTP/1.1\r\nhost: x\r\n\r\n").repeat(8);
    let mut slow_connections = Vec::new();
    for _ in 0..SLOW_CLIENTS {
        let socket = TcpSocket::new_v4().expect("the socket must be created");
        socket.set_recv_buffer_size(4_096).expect("the buffer size must be set");
        let mut stream = socket
            .connect(service.socket_address().parse().expect("the text must be an address"))
            .await
            .expect("the client must connect");
        stream.write_all(request.as_bytes()).await.expect("the bytes must be sent");
        slow_connections.push(stream);
    }
    // The service needs some time until all responses have filled the buffers of their connections.
    let rejects_requests = async || {
        let response = service.get("/nothing", None).await;
        if response.status == 503 {
            response.assert_problem(503, "SERVICE_UNAVAILABLE");
        }
        response.status == 503
    };
    assert!(eventually(Duration::from_secs(5), rejects_requests).await);
    assert_eq!(service.get("/health/live", None).await.status, 200);
    assert_eq!(service.list("user_abc123").await.status, 200);
    drop(slow_connections);
    let accepts_requests = async || service.get("/docs", None).await.status == 200;
    assert!(eventually(Duration::from_secs(5), accepts_requests).await);
}
