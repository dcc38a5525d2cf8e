//! Slow, broken and hostile clients are disconnected, while others are served.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{LIST, Service, Setup};

fn connect(service: &Service) -> TcpStream {
    let socket = TcpStream::connect(service.socket()).expect("the client must connect");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("the timeout must be set");
    socket
}

/// Sends bytes, and reads until the service closes.
fn exchange(service: &Service, bytes: &[u8]) -> String {
    let mut socket = connect(service);
    // The service may close the connection during the write.
    let _ = socket.write_all(bytes);
    let mut response = Vec::new();
    let _ = socket.read_to_end(&mut response);
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_head_is_cut_off() {
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
    assert!(started.elapsed() < Duration::from_secs(15), "cut off after {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_later_head_is_cut_off() {
    const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";
    let service = Setup::new().with("ICP__SERVER__KEEP_ALIVE_SECONDS", "5").start();
    let [mut slow, mut idle] = [connect(&service), connect(&service)];
    for socket in [&mut slow, &mut idle] {
        socket.write_all(REQUEST).expect("the bytes must be sent");
        assert_eq!(read_response(socket), 200);
    }
    slow.set_read_timeout(Some(Duration::from_secs(1))).expect("the timeout must be set");
    slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-a: ").expect("the bytes must be sent");
    let started = Instant::now();
    let mut rounds = 0;
    loop {
        match slow.read(&mut [0; 64]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) | Ok(0) => break,
            Ok(length) => panic!("{length} bytes of a response"),
        }
        assert!(started.elapsed() < Duration::from_secs(30), "still open after {:?}", started.elapsed());
        let _ = slow.write_all(b"x");
        rounds += 1;
        if rounds % 3 == 0 {
            // A connection with idle times between requests stays open at any age.
            idle.write_all(REQUEST).expect("the bytes must be sent");
            assert_eq!(read_response(&mut idle), 200);
        }
    }
    let kept = started.elapsed();
    assert!(kept > Duration::from_secs(5), "closed after {kept:?}, before the time limit of a head");
    idle.write_all(REQUEST).expect("the bytes must be sent");
    assert_eq!(read_response(&mut idle), 200);
    assert_eq!(service.list("user_abc123").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_sent_at_once_are_all_answered() {
    let service = Setup::new().start();
    let one = "GET /health/live HTTP/1.1\r\nhost: x\r\n";
    let responses =
        exchange(&service, format!("{one}\r\n{one}\r\n{one}connection: close\r\n\r\n").as_bytes());
    assert_eq!(responses.matches("HTTP/1.1 200").count(), 3, "{responses}");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_http_is_refused() {
    let service = Setup::new().start();
    let list = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\n");
    let huge_header = format!("{list}authorization: Bearer {}\r\n\r\n", "x".repeat(1_000_000));
    let many_headers = format!("{list}{}\r\n", "a: b\r\n".repeat(10_000));
    let long_line = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(1_000_000));
    let both_lengths = format!("{list}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
    let two_lengths = format!("{list}content-length: 5\r\ncontent-length: 6\r\n\r\nhello");
    let broken: [&[u8]; 10] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        huge_header.as_bytes(),
        many_headers.as_bytes(),
        long_line.as_bytes(),
        both_lengths.as_bytes(),
        two_lengths.as_bytes(),
    ];
    for bytes in broken {
        let response = exchange(&service, bytes);
        let status = response.get(9..12).unwrap_or("");
        assert!(status.is_empty() || status.starts_with('4'), "{response}");
    }
    assert_eq!(service.list("user_abc123").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_body_is_not_parsed_as_request() {
    let service = Setup::new().start();
    let smuggled = format!(
        "GET {LIST} HTTP/1.1\r\nhost: x\r\ncontent-length: 44\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: smuggled\r\n\r\n\
         GET /second HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    );
    let response = exchange(&service, smuggled.as_bytes());
    assert_eq!(response.matches("HTTP/1.1 401").count(), 1, "{response}");
    assert!(!response.contains("smuggled"), "{response}");
    assert!(response.matches("HTTP/1.1 404").count() <= 1, "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn incomplete_body_releases_connection() {
    let service = Setup::new().start();
    for half in ["content-length: 1000000\r\n\r\nx", "transfer-encoding: chunked\r\n\r\n5\r\nhe"] {
        let started = Instant::now();
        let response = exchange(&service, format!("GET {LIST} HTTP/1.1\r\nhost: x\r\n{half}").as_bytes());
        assert!(response.starts_with("HTTP/1.1 401"), "{response}");
        assert!(started.elapsed() < Duration::from_secs(10), "closed after {:?}", started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_invalid_tokens_cause_no_5xx() {
    let service = Setup::new().start();
    let valid = service.setup.token(&["--user", "user_abc123"]);
    let mut socket = connect(&service);
    let mut seed = 1_u64;
    for round in 0..10_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut token = valid.clone().into_bytes();
        let [strange, .., low, high] = seed.to_le_bytes();
        let at = usize::from(u16::from_le_bytes([low, high])) % token.len();
        match round % 4 {
            0 => token[at] = strange,
            1 => token.truncate(at),
            2 => token.insert(at, strange),
            _ => token.rotate_left(at),
        }
        token.retain(|byte| !b"\r\n\0".contains(byte));
        let mut request = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ").into_bytes();
        request.extend_from_slice(&token);
        request.extend_from_slice(b"\r\n\r\n");
        socket.write_all(&request).expect("the bytes must be sent");
        let status = read_response(&mut socket);
        if token == valid.as_bytes() {
            continue; // The change was none.
        }
        assert!(matches!(status, 400 | 401), "{status} for {}", String::from_utf8_lossy(&token));
        if status == 400 {
            socket = connect(&service); // What is no HTTP ends the connection.
        }
    }
}

/// Reads one response from a connection that stays open.
fn read_response(socket: &mut TcpStream) -> u16 {
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
        assert!(length > 0, "closed in the middle: {text}");
    }
}
