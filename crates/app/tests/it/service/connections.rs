//! Checks when the service closes connections, and how it announces to the client that it will close one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use icp_testkit::fixtures::EXAMPLE_LIST;
use serde_json::Value;

use crate::support::{LIST, Service, Setup};

fn connect(service: &Service) -> TcpStream {
    let socket = TcpStream::connect(service.socket_address()).expect("the client must connect");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("the timeout must be set");
    socket
}

/// Sends a request for the list, and reads until the service closes the connection. Returns the head and the body.
fn request_list(service: &Service, version: &str, headers: &str) -> (String, String) {
    let token = service.token("user_abc123");
    let mut socket = connect(service);
    let request =
        format!("GET {LIST} HTTP/{version}\r\nhost: x\r\nauthorization: Bearer {token}\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).expect("the bytes must be sent");
    let mut response = String::new();
    socket.read_to_string(&mut response).expect("the response must be UTF-8");
    let (head, body) = response.split_once("\r\n\r\n").expect("the response must have headers");
    (head.to_lowercase(), body.to_owned())
}

fn assert_is_list(body: &str) {
    let (body, expected): (Value, Value) = (
        serde_json::from_str(body).expect("the text must be JSON"),
        serde_json::from_str(EXAMPLE_LIST).expect("the text must be JSON"),
    );
    assert_eq!(body, expected);
}

/// Many published configurations of nginx send `Connection: upgrade` with every request.
#[tokio::test(flavor = "multi_thread")]
async fn service_ignores_upgrade_and_announces_close() {
    let service = Setup::new().start();
    for headers in ["connection: upgrade\r\n", "connection: upgrade\r\nupgrade: websocket\r\n"] {
        let (head, body) = request_list(&service, "1.1", headers);
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("connection: close"), "{head}");
        assert_is_list(&body);
    }
}

/// RFC 9112, section 6.1, forbids chunks in responses to HTTP/1.0. Compressed responses have chunks, so these responses
/// are not compressed either.
#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_client_gets_no_chunks() {
    let service = Setup::new().start();
    let (head, body) = request_list(&service, "1.0", "accept-encoding: gzip, br\r\n");
    assert!(head.starts_with("http/1.0 200"), "{head}");
    for name in ["transfer-encoding", "content-encoding"] {
        assert!(!head.contains(name), "{head}");
    }
    assert_is_list(&body);
}

/// The service sends the head of a long list before it knows the length of the body. Without chunks, only the end of
/// the connection ends the body.
#[tokio::test(flavor = "multi_thread")]
async fn long_list_without_chunks_ends_when_connection_closes() {
    let service = Setup::new().with("ICP__SERVER__RESPONSE_BUFFER_KILOBYTES", "1").start();
    let token = service.token("user_abc123");
    for _ in 0..4 {
        service.create(&token, &serde_json::json!({"name": "x", "leadProviderCriteria": []})).await;
    }
    let assert_is_complete = |body: &str| {
        let body: Vec<Value> = serde_json::from_str(body).expect("the text must be JSON");
        assert_eq!(body.len(), 2 + 4, "the list must contain the two samples and the four new ICPs");
    };
    for headers in ["", "connection: keep-alive\r\n"] {
        let (head, body) = request_list(&service, "1.0", headers);
        assert!(!head.contains("transfer-encoding") && !head.contains("content-length"), "{head}");
        assert_is_complete(&body);
    }
    let (head, body) = request_list(&service, "1.1", "connection: upgrade\r\nupgrade: websocket\r\n");
    assert!(head.contains("connection: close") && !head.contains("transfer-encoding"), "{head}");
    assert_is_complete(&body);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connection_does_not_delay_shutdown() {
    let mut service = Setup::new().start();
    let mut idle = connect(&service);
    idle.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").expect("the bytes must be sent");
    let mut start = [0; 12];
    idle.read_exact(&mut start).expect("the service must respond");
    assert_eq!(&start, b"HTTP/1.1 200");
    // During a shutdown, the service closes connections that are idle for more than a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let started = Instant::now();
    service.signal("INT");
    assert!(service.wait_for_exit(Duration::from_secs(30)).expect("the process must end").success());
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "the service must end within 10 s, but ended after {:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connection_is_closed_after_keep_alive() {
    let service = Setup::new().with("ICP__SERVER__KEEP_ALIVE_SECONDS", "2").start();
    let mut idle = connect(&service);
    idle.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").expect("the bytes must be sent");
    let started = Instant::now();
    let mut response = Vec::new();
    idle.read_to_end(&mut response).expect("the response must end");
    assert!(
        (1..8).contains(&started.elapsed().as_secs()),
        "the connection must be closed soon after the keep-alive time of 2 s, but was closed after {:?}",
        started.elapsed()
    );
}
