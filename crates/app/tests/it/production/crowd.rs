//! Thousands of concurrent clients.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{LIST, Service, Setup, eventually};

const IDLE_CONNECTIONS: usize = 10_000;

async fn connect(service: &Service) -> TcpStream {
    TcpStream::connect(service.socket_address()).await.expect("the client must connect")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: cargo xtask test --all"]
async fn ten_thousand_idle_connections_block_no_request() {
    let setup = Setup::new().with("ICP__SERVER__KEEP_ALIVE_SECONDS", "10");
    let service = setup.with("ICP__LOG__LEVEL", "warn").start();
    let token = service.token("user_abc123");
    let mut idle = Vec::with_capacity(IDLE_CONNECTIONS);
    for number in 0..IDLE_CONNECTIONS {
        let mut socket = connect(&service).await;
        // Half of the connections send one request first, and are then kept alive.
        if number % 2 == 0 {
            socket
                .write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .expect("the bytes must be sent");
        }
        idle.push(socket);
        if number % 500 == 0 {
            assert_eq!(
                service.get(LIST, Some(&token)).await.status,
                200,
                "the request must succeed with {number} idle connections"
            );
        }
    }
    for _ in 0..20 {
        assert_eq!(service.get(LIST, Some(&token)).await.status, 200);
    }
    // The service must close the idle connections, although the clients do not.
    let open_files = async || {
        let metrics = service.get("/metrics", None).await.body;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("icp_process_open_fds "))
            .expect("the metric must exist");
        line.parse::<u32>().expect("the text must be a number")
    };
    assert!(
        eventually(Duration::from_mins(1), async || open_files().await < 200).await,
        "{} file descriptors are open",
        open_files().await
    );
    drop(idle);
}
