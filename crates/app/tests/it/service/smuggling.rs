//! Sends requests whose length is ambiguous or too large, most of them with a second request in the body.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{LIST, Response, Service, Setup, client};

/// Returns the bytes that the service sends until it closes the connection, or for 20 seconds.
async fn send_raw(service: &Service, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(service.socket_address()).await.expect("the client must connect");
    let _ = socket.write_all(request).await;
    let mut response = Vec::new();
    let _ = timeout(Duration::from_secs(20), socket.read_to_end(&mut response)).await;
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_requests_process_no_smuggled_request() {
    let service = Setup::new().with("ICP__LOG__LEVEL", "warn").start();
    let token = service.token("user_abc123");
    let post = format!(
        "POST {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n"
    );
    let smuggled = "GET /metrics HTTP/1.1\r\nhost: smuggled\r\n\r\n";
    let body = r#"{"name":"A","leadProviderCriteria":[]}"#;
    let attacks = [
        // RFC 9112, section 6.3, requires a server to reject contradictory lengths.
        format!("{post}content-length: 4\r\ncontent-length: 40\r\n\r\n{body}{smuggled}"),
        format!("{post}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{post}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{post}content-length: +4\r\n\r\n{body}{smuggled}"),
        format!("{post}content-length: 4, 4\r\n\r\n{body}{smuggled}"),
        format!("{post}content-length : 4\r\n\r\n{body}{smuggled}"),
        format!("{post}transfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\n{body}\r\n{smuggled}"),
        format!("{post}x: {}\r\n\r\n", "a".repeat(1_000_000)),
        format!("{post}{}\r\n", "x: a\r\n".repeat(10_000)),
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(200_000)),
        format!("{post}content-length: 100000000\r\n\r\n{body}"),
        format!("{post}content-length: 1000\r\n\r\n{body}"),
    ];
    let send_attacks =
        futures_util::future::join_all(attacks.iter().map(|attack| send_raw(&service, attack.as_bytes())));
    let send_valid_requests = async {
        for _ in 0..50 {
            let request = client().get(format!("{}{LIST}", service.address)).bearer_auth(&token);
            assert_eq!(Response::fetch(request).await.status, 200);
        }
    };
    let (responses, ()) = tokio::join!(send_attacks, send_valid_requests);
    for (attack, response) in attacks.iter().zip(&responses) {
        let start = attack.get(post.len()..).unwrap_or_default().get(..40).unwrap_or_default();
        assert!(
            !response.contains("openmetrics"),
            "the service must not process the second request: {start:?}: {response}"
        );
        assert!(!response.contains("HTTP/1.1 5"), "{start:?}: {response}");
        assert!(!response.contains("HTTP/1.1 201"), "{start:?}: {response}");
    }
    let list = service.get(LIST, Some(&token)).await.json();
    assert_eq!(list.as_array().map(Vec::len), Some(2), "the attacks must create no ICP");
}
