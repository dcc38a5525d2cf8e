//! Overload, and rate limits of users.

use std::time::{Duration, Instant};

use icp_test_postgres::Server;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use crate::support::{LIST, Setup, eventually};

#[tokio::test]
async fn overload_is_rejected_at_once_except_for_operators() {
    let database = Server::start().expect("the server must start");
    let service = Setup::new()
        .with("ICP__DATABASE__URL", &database.url("postgres"))
        .with("ICP__SERVER__MAX_IN_FLIGHT", "2")
        .start();
    let token = service.token("user_ada");
    assert_eq!(service.get(LIST, Some(&token)).await.status, 200);

    database.pause().expect("the server must be paused");
    let hanging = || service.get(LIST, Some(&token));
    let rejected = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let start = Instant::now();
        let response = service.get(LIST, Some(&token)).await;
        response.assert_problem(503, "SERVICE_UNAVAILABLE");
        assert_eq!(response.header("retry-after"), "1");
        assert!(start.elapsed() < Duration::from_secs(1), "at once: {:?}", start.elapsed());
        assert_eq!(service.get("/health/live", None).await.status, 200);
        let metrics = service.get("/metrics", None).await.body;
        assert!(metrics.contains("icp_http_requests_in_flight 2"), "{metrics}");
        assert!(metrics.contains(r#"icp_http_requests_refused_total{reason="overload"} 1"#), "{metrics}");
    };
    let (one, two, ()) = tokio::join!(hanging(), hanging(), rejected);
    one.assert_problem(500, "INTERNAL_ERROR");
    two.assert_problem(500, "INTERNAL_ERROR");

    database.resume().expect("the server must resume");
    let limit = Duration::from_secs(20);
    let recovers =
        crate::support::eventually(limit, async || service.get(LIST, Some(&token)).await.status == 200);
    assert!(recovers.await, "the hanging clients have left");
}

#[tokio::test]
async fn slow_body_takes_no_permit() {
    use tokio::io::AsyncWriteExt as _;
    let service = Setup::new().with("ICP__SERVER__MAX_IN_FLIGHT", "1").start();
    let token = service.token("user_abc123");
    let mut slow = tokio::net::TcpStream::connect(service.socket()).await.expect("the client must connect");
    let head = format!(
        "POST {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).await.expect("the bytes must be sent");
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..3 {
        assert_eq!(service.get(LIST, Some(&token)).await.status, 200);
    }
    let metrics = service.get("/metrics", None).await.body;
    assert!(metrics.contains("icp_http_requests_in_flight 1"), "it is there: {metrics}");
}

#[tokio::test]
async fn rate_limit_is_per_user() {
    let service = Setup::new().with("ICP__SERVER__REQUESTS_PER_MINUTE", "3").start();
    let (ada, eve) = (service.token("user_ada"), service.token("user_eve"));
    for left in [2, 1, 0] {
        let response = service.get(LIST, Some(&ada)).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("ratelimit-policy"), r#""user";q=3;w=60"#);
        assert!(response.header("ratelimit").starts_with(&format!(r#""user";r={left};t="#)), "{response:?}");
    }
    let response = service.get(LIST, Some(&ada)).await;
    response.assert_problem(429, "TOO_MANY_REQUESTS");
    let wait: u64 = response.header("retry-after").parse().expect("the text must be a number of seconds");
    assert!((1..=20).contains(&wait), "a third of a minute for each: {wait}");
    assert_eq!(response.header("ratelimit"), format!(r#""user";r=0;t={wait}"#));
    assert_eq!(service.get(LIST, Some(&eve)).await.status, 200, "other users have their own quota");
    assert_eq!(service.get(LIST, None).await.status, 401, "no user, no quota");
    let metrics = service.get("/metrics", None).await.body;
    assert!(metrics.contains(r#"icp_http_requests_refused_total{reason="rate_limit"} 1"#), "{metrics}");
}

#[tokio::test]
async fn no_rate_limit_headers_without_rate_limit() {
    let response = Setup::new().start().list("user_ada").await;
    assert_eq!((response.header("ratelimit"), response.header("ratelimit-policy")), ("", ""));
}

/// Each client sends several requests and reads nothing. The responses are longer than the buffers of a connection.
#[tokio::test]
async fn anonymous_requests_beyond_limit_are_rejected() {
    const SLOW: usize = 80;
    let service = Setup::new().start();
    let page = service.get("/docs", None).await.body;
    let viewer = page.split('"').find(|text| text.ends_with("swagger-ui-bundle.js")).expect("must be named");
    let request = format!("GET /{viewer} HTTP/1.1\r\nhost: x\r\n\r\n").repeat(8);
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("must be set");
        let mut stream = socket
            .connect(service.socket().parse().expect("an address"))
            .await
            .expect("the client must connect");
        stream.write_all(request.as_bytes()).await.expect("the bytes must be sent");
        slow.push(stream);
    }
    // A response that fits into the buffers of its connection may end at any time.
    let is_full = async || {
        let response = service.get("/nothing", None).await;
        if response.status == 503 {
            response.assert_problem(503, "SERVICE_UNAVAILABLE");
        }
        response.status == 503
    };
    assert!(eventually(Duration::from_secs(5), is_full).await);
    assert_eq!(service.get("/health/live", None).await.status, 200);
    assert_eq!(service.list("user_abc123").await.status, 200);
    drop(slow);
    let is_free = async || service.get("/docs", None).await.status == 200;
    assert!(eventually(Duration::from_secs(5), is_free).await);
}
