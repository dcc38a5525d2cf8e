//! Tests of the proxy between clients and an echo server or PostgreSQL.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use icp_test_postgres::{Proxy, Server};
use tokio_postgres::NoTls;

/// Starts an echo server. Returns its port.
fn start_echo_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    port
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Sends `text`. Returns true if the server sends the same text back, and false if the connection is closed.
fn echoes(stream: &mut TcpStream, text: &[u8]) -> bool {
    let mut response = vec![0; text.len()];
    stream.write_all(text).and_then(|()| stream.read_exact(&mut response)).is_ok() && response == text
}

#[test]
fn bytes_are_forwarded_in_both_directions_and_counted() {
    let proxy = Proxy::start(start_echo_server()).unwrap();
    let (mut first, mut second) = (connect(&proxy), connect(&proxy));
    assert!(echoes(&mut first, b"one") && echoes(&mut second, b"other"));
    assert_eq!(proxy.received_bytes(), 8);
    let long = vec![b'x'; 1_000_000];
    let mut writer = first.try_clone().unwrap();
    let sent = long.clone();
    std::thread::spawn(move || writer.write_all(&sent));
    let mut response = vec![0; long.len()];
    first.read_exact(&mut response).unwrap();
    assert!(response == long);
}

#[test]
fn cut_closes_connections_and_accepts_new_connections() {
    let proxy = Proxy::start(start_echo_server()).unwrap();
    let mut connections = [connect(&proxy), connect(&proxy)];
    assert!(connections.iter_mut().all(|connection| echoes(connection, b"x")));
    proxy.cut();
    assert!(!connections.iter_mut().any(|connection| echoes(connection, b"x")));
    assert!(echoes(&mut connect(&proxy), b"x"));
}

#[test]
fn frozen_proxy_forwards_bytes_after_thaw() {
    let proxy = Proxy::start(start_echo_server()).unwrap();
    let mut old = connect(&proxy);
    assert!(echoes(&mut old, b"x"));
    proxy.freeze();
    let mut new = connect(&proxy);
    for stream in [&mut old, &mut new] {
        stream.write_all(b"y").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let error = stream.read(&mut [0]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    }
    proxy.thaw();
    for stream in [&mut old, &mut new] {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut response = [0];
        stream.read_exact(&mut response).unwrap();
        assert_eq!(&response, b"y");
    }
}

#[test]
fn cut_while_frozen_discards_pending_bytes() {
    let proxy = Proxy::start(start_echo_server()).unwrap();
    let mut stream = connect(&proxy);
    assert!(echoes(&mut stream, b"x"));
    proxy.freeze();
    stream.write_all(b"y").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    proxy.cut();
    proxy.thaw();
    assert!(!matches!(stream.read(&mut [0]), Ok(1)));
    assert!(echoes(&mut connect(&proxy), b"x"));
}

#[test]
fn connections_are_refused_until_accepted_again() {
    let proxy = Proxy::start(start_echo_server()).unwrap();
    let mut open = connect(&proxy);
    assert!(echoes(&mut open, b"x"));
    for _ in 0..3 {
        proxy.refuse_connections();
        proxy.refuse_connections();
        // Another test may have started a process, which has a copy of the listening socket until it executes its
        // program. So the test tries to connect until the connection is refused.
        let connection_error = |_| TcpStream::connect(("127.0.0.1", proxy.port())).err();
        let error = (0..1_000).find_map(connection_error).expect("the proxy must refuse connections");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(echoes(&mut open, b"x"), "an open connection must stay open");
        proxy.accept_connections().unwrap();
        proxy.accept_connections().unwrap();
        assert!(echoes(&mut connect(&proxy), b"x"));
    }
}

#[test]
fn connections_to_stopped_server_are_closed() {
    let proxy = Proxy::start(1).unwrap();
    assert!(!echoes(&mut connect(&proxy), b"x"));
}

#[test]
fn dropped_proxy_closes_connections() {
    let proxy = Proxy::start(start_echo_server()).unwrap();
    let mut stream = connect(&proxy);
    assert!(echoes(&mut stream, b"x"));
    let port = proxy.port();
    drop(proxy);
    assert!(!echoes(&mut stream, b"x"));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn only_response_with_given_bytes_is_lost() {
    let proxy = Proxy::start(start_echo_server()).unwrap();
    let mut stream = connect(&proxy);
    proxy.lose_response_with(b"COMMIT");
    assert!(echoes(&mut stream, b"BEGIN"));
    assert!(!echoes(&mut stream, b"COMMIT"));
    assert!(echoes(&mut connect(&proxy), b"COMMIT"), "only one response must be lost");
}

#[tokio::test]
async fn statement_with_lost_response_is_executed() {
    let server = Server::start().unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    let connect = async || {
        let (client, connection) = tokio_postgres::connect(&proxy.url("postgres"), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    };
    let client = connect().await;
    client.batch_execute("CREATE TABLE rows (id int)").await.unwrap();
    proxy.lose_next_response();
    assert!(client.batch_execute("INSERT INTO rows VALUES (1)").await.is_err());
    assert!(client.is_closed());
    let client = connect().await;
    let count: i64 = client.query_one("SELECT count(*) FROM rows", &[]).await.unwrap().get(0);
    assert_eq!(count, 1);
}
