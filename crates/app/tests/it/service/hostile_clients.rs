//! Checks that the service closes the connections of slow, broken and hostile clients and still serves other clients.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{LIST, Service, Setup};

fn connect(service: &Service) -> TcpStream {
    let socket = TcpStream::connect(service.socket_address()).expect("the client must connect");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("the timeout must be set");
    socket
}

/// Sends bytes. Returns what the service sends until it closes the connection, or sends nothing for 20 seconds.
fn exchange(service: &Service, bytes: &[u8]) -> String {
    let mut socket = connect(service);
    // The service may close the connection during the write.
    let _ = socket.write_all(bytes);
    let mut response = Vec::new();
    let _ = socket.read_to_end(&mut response);
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn incomplete_head_of_first_request_closes_connection() {
    let service = Setup::new().start();
    let mut slow: Vec<_> = (0..200).map(|_| connect(&service)).collect();
    let started = Instant::now();
    for socket in &mut slow {
        socket.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-a: ").expect("the bytes must be sent");
    }
    assert_eq!(service.list("user_abc123").await.status, 200);
    for mut socket in slow {
        let mut response = Vec::new();
        let _ = socket.read_to_end(&mut response);
    }
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "the connections must be closed within 15 s, but were closed after {:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_head_of_later_request_closes_connection() {
    const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";
    let service = Setup::new().with("ICP__SERVER__KEEP_ALIVE_SECONDS", "5").start();
    let [mut slow, mut idle] = [connect(&service), connect(&service)];
    for socket in [&mut slow, &mut idle] {
        socket.write_all(REQUEST).expect("the bytes must be sent");
        assert_eq!(read_status(socket), 200);
    }
    slow.set_read_timeout(Some(Duration::from_secs(1))).expect("the timeout must be set");
    slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-a: ").expect("the bytes must be sent");
    let started = Instant::now();
    let mut rounds = 0;
    loop {
        match slow.read(&mut [0; 64]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) | Ok(0) => break,
            Ok(length) => {
                panic!("the service must not respond to an incomplete head, but sent {length} bytes")
            }
        }
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "the connection must be closed within 30 s, but is still open after {:?}",
            started.elapsed()
        );
        let _ = slow.write_all(b"x");
        rounds += 1;
        if rounds % 3 == 0 {
            // A connection with complete requests stays open, however old it is.
            idle.write_all(REQUEST).expect("the bytes must be sent");
            assert_eq!(read_status(&mut idle), 200);
        }
    }
    let elapsed = started.elapsed();
    assert!(
        elapsed > Duration::from_secs(5),
        "the head must get at least 5 s, but the connection was closed after {elapsed:?}"
    );
    idle.write_all(REQUEST).expect("the bytes must be sent");
    assert_eq!(read_status(&mut idle), 200);
    assert_eq!(service.list("user_abc123").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pipelined_request_gets_response() {
    let service = Setup::new().start();
    let request = "GET /health/live HTTP/1.1\r\nhost: x\r\n";
    let responses = exchange(
        &service,
        format!("{request}\r\n{request}\r\n{request}connection: close\r\n\r\n").as_bytes(),
    );
    assert_eq!(responses.matches("HTTP/1.1 200").count(), 3, "{responses}");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_or_too_large_http_is_rejected() {
    let service = Setup::new().start();
    let list = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\n");
    let huge_header = format!("{list}authorization: Bearer {}\r\n\r\n", "x".repeat(1_000_000));
    let many_headers = format!("{list}{}\r\n", "a: b\r\n".repeat(10_000));
    let long_line = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(1_000_000));
    let both_lengths = format!("{list}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
    let two_lengths = format!("{list}content-length: 5\r\ncontent-length: 6\r\n\r\nhello");
    let invalid_requests: [&[u8]; 10] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        // The start of a TLS handshake.
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        huge_header.as_bytes(),
        many_headers.as_bytes(),
        long_line.as_bytes(),
        both_lengths.as_bytes(),
        two_lengths.as_bytes(),
    ];
    for bytes in invalid_requests {
        let response = exchange(&service, bytes);
        // The service may also close the connection without a response.
        let status = response.get(9..12).unwrap_or("");
        assert!(status.is_empty() || status.starts_with('4'), "{response}");
    }
    assert_eq!(service.list("user_abc123").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_body_is_not_parsed_as_request() {
    let service = Setup::new().start();
    let body = "GET /smuggled HTTP/1.1\r\nhost: smuggled\r\n\r\n";
    let requests = format!(
        "GET {LIST} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}\
         GET /second HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let response = exchange(&service, requests.as_bytes());
    assert_eq!(response.matches("HTTP/1.1 401").count(), 1, "{response}");
    assert!(!response.contains("smuggled"), "{response}");
    // The 404 of `/second`, if the connection stays open. A second 404 would be the response to `/smuggled`.
    assert!(response.matches("HTTP/1.1 404").count() <= 1, "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn incomplete_body_releases_connection() {
    let service = Setup::new().start();
    for incomplete_body in ["content-length: 1000000\r\n\r\nx", "transfer-encoding: chunked\r\n\r\n5\r\nhe"] {
        let started = Instant::now();
        let response =
            exchange(&service, format!("GET {LIST} HTTP/1.1\r\nhost: x\r\n{incomplete_body}").as_bytes());
        assert!(response.starts_with("HTTP/1.1 401"), "{response}");
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the connection must be closed within 10 s, but was closed after {:?}",
            started.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_invalid_tokens_cause_no_5xx() {
    let service = Setup::new().start();
    let valid = service.setup.token(&["--user", "user_abc123"]);
    let mut socket = connect(&service);
    let mut seed = 1_u64;
    for round in 0..10_000 {
        // A linear congruential generator gives the same pseudo-random numbers in each run.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut token = valid.clone().into_bytes();
        let [random_byte, .., low_index, high_index] = seed.to_le_bytes();
        let index = usize::from(u16::from_le_bytes([low_index, high_index])) % token.len();
        match round % 4 {
            0 => token[index] = random_byte,
            1 => token.truncate(index),
            2 => token.insert(index, random_byte),
            _ => token.rotate_left(index),
        }
        token.retain(|byte| !b"\r\n\0".contains(byte));
        let mut request = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ").into_bytes();
        request.extend_from_slice(&token);
        request.extend_from_slice(b"\r\n\r\n");
        socket.write_all(&request).expect("the bytes must be sent");
        let status = read_status(&mut socket);
        if token == valid.as_bytes() {
            continue; // The change had no effect.
        }
        assert!(matches!(status, 400 | 401), "{status} for {}", String::from_utf8_lossy(&token));
        if status == 400 {
            socket = connect(&service); // The service closes the connection after malformed HTTP.
        }
    }
}

/// Reads one response from a connection that stays open, and returns its status.
fn read_status(socket: &mut TcpStream) -> u16 {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let length = socket.read(&mut buffer).expect("the service must respond");
        bytes.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let expected = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let expected: usize =
                expected.map_or(0, |length| length.parse().expect("the text must be a number"));
            if body.len() >= expected {
                return head
                    .get(9..12)
                    .expect("the status must be present")
                    .parse()
                    .expect("the text must be a number");
            }
        }
        assert!(length > 0, "the connection must stay open until the response is complete: {text}");
    }
}
