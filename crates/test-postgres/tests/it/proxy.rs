//! Tests of the proxy, in front of an echo server and of PostgreSQL.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use icp_test_postgres::{Proxy, Server};
use tokio_postgres::NoTls;

/// Starts an echo server. Returns its port.
fn echo() -> u16 {
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

/// Sends `text` and returns true if it comes back. Returns false if the connection is closed.
fn echoes(stream: &mut TcpStream, text: &[u8]) -> bool {
    let mut answer = vec![0; text.len()];
    stream.write_all(text).and_then(|()| stream.read_exact(&mut answer)).is_ok() && answer == text
}

#[test]
fn forwards_both_ways_and_counts_bytes() {
    let proxy = Proxy::start(echo()).unwrap();
    let (mut one, mut other) = (connect(&proxy), connect(&proxy));
    assert!(echoes(&mut one, b"one") && echoes(&mut other, b"other"));
    assert_eq!(proxy.received_bytes(), 8);
    let long = vec![b'x'; 1_000_000];
    let mut writer = one.try_clone().unwrap();
    let sent = long.clone();
    std::thread::spawn(move || writer.write_all(&sent));
    let mut answer = vec![0; long.len()];
    one.read_exact(&mut answer).unwrap();
    assert!(answer == long);
}

#[test]
fn cut_closes_connections_and_accepts_new_ones() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut connections = [connect(&proxy), connect(&proxy)];
    assert!(connections.iter_mut().all(|connection| echoes(connection, b"x")));
    proxy.cut();
    assert!(!connections.iter_mut().any(|connection| echoes(connection, b"x")));
    assert!(echoes(&mut connect(&proxy), b"x"));
}

#[test]
fn frozen_proxy_accepts_and_forwards_after_thaw() {
    let proxy = Proxy::start(echo()).unwrap();
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
        let mut answer = [0];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"y");
    }
}

#[test]
fn cut_while_frozen_discards_pending_bytes() {
    let proxy = Proxy::start(echo()).unwrap();
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
fn refuses_connections_until_accepting_again() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut open = connect(&proxy);
    assert!(echoes(&mut open, b"x"));
    for _ in 0..3 {
        proxy.refuse_connections();
        proxy.refuse_connections();
        // A process that another test starts has a copy of the socket until it executes its program.
        let refused = |_| TcpStream::connect(("127.0.0.1", proxy.port())).err();
        let error = (0..1_000).find_map(refused).expect("connections must be refused");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(echoes(&mut open, b"x"), "an open connection stays open");
        proxy.accept_connections().unwrap();
        proxy.accept_connections().unwrap();
        assert!(echoes(&mut connect(&proxy), b"x"));
    }
}

#[test]
fn server_that_is_down_closes_connections() {
    let proxy = Proxy::start(1).unwrap();
    assert!(!echoes(&mut connect(&proxy), b"x"));
}

#[test]
fn dropped_proxy_closes_connections() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = connect(&proxy);
    assert!(echoes(&mut stream, b"x"));
    let port = proxy.port();
    drop(proxy);
    assert!(!echoes(&mut stream, b"x"));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn only_answer_with_given_bytes_is_lost() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = connect(&proxy);
    proxy.lose_answer_with(b"COMMIT");
    assert!(echoes(&mut stream, b"BEGIN"));
    assert!(!echoes(&mut stream, b"COMMIT"));
    assert!(echoes(&mut connect(&proxy), b"COMMIT"), "only one answer is lost");
}

#[tokio::test]
async fn statement_with_lost_answer_is_executed() {
    let server = Server::start().unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    let connect = async || {
        let (client, connection) = tokio_postgres::connect(&proxy.url("postgres"), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    };
    let client = connect().await;
    client.batch_execute("CREATE TABLE rows (id int)").await.unwrap();
    proxy.lose_next_answer();
    assert!(client.batch_execute("INSERT INTO rows VALUES (1)").await.is_err());
    assert!(client.is_closed());
    let client = connect().await;
    let count: i64 = client.query_one("SELECT count(*) FROM rows", &[]).await.unwrap().get(0);
    assert_eq!(count, 1);
}
