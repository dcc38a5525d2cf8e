//! Several hosts in one URL, and a standby that is promoted.

use std::time::{Duration, Instant};

use icp_postgres::{Limits, PostgresDatabase, PostgresSettings};
use icp_test_postgres::Server;

use crate::support::{count, database, eventually, migrated, store};

fn both(primary: &Server, standby: &Server) -> String {
    format!("postgres://icp@127.0.0.1:{},127.0.0.1:{}/postgres", standby.port(), primary.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_continue_on_promoted_standby() {
    let primary = Server::start().expect("must start");
    migrated(&primary.url("postgres")).await;
    let standby = primary.standby().expect("must replicate");
    primary.set("synchronous_standby_names", "*").expect("must be set");
    let database = database(&both(&primary, &standby));
    store(&database, 1, "user_ada").await.expect("the standby must be skipped, although it is first");
    assert_eq!(count(&database, "user_ada").await.expect("must read"), 1);

    primary.kill().expect("must be killed");
    assert!(store(&database, 2, "user_ada").await.is_err(), "no server accepts writes");
    standby.promote().expect("must be promoted");
    eventually("it writes again", async || store(&database, 3, "user_ada").await.is_ok()).await;
    let count = count(&database, "user_ada").await.expect("must read");
    assert_eq!(count, 2, "acknowledged writes are stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_server_is_disconnected() {
    let primary = Server::start().expect("must start");
    migrated(&primary.url("postgres")).await;
    let other = primary.standby().expect("must replicate");
    let database = database(&both(&primary, &other));
    store(&database, 1, "user_ada").await.expect("must write");
    eventually("it follows", async || {
        let reading = crate::support::database(&other.url("postgres"));
        count(&reading, "user_ada").await.is_ok_and(|count| count == 1)
    })
    .await;
    // Connections stay open, and no longer accept writes.
    primary.set("default_transaction_read_only", "on").expect("must be set");
    other.promote().expect("must be promoted");
    eventually("it writes elsewhere", async || store(&database, 2, "user_ada").await.is_ok()).await;
    assert_eq!(
        count(&crate::support::database(&other.url("postgres")), "user_ada").await.expect("must read"),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_host_leaves_time_for_next() {
    let (frozen, primary) = (Server::start().expect("must start"), Server::start().expect("must start"));
    migrated(&primary.url("postgres")).await;
    frozen.pause().expect("must hang");
    let url = format!("postgres://icp@127.0.0.1:{},127.0.0.1:{}/postgres", frozen.port(), primary.port());
    let start = Instant::now();
    assert_eq!(count(&database(&url), "user_ada").await.expect("the other host must respond"), 0);
    assert!(start.elapsed() < Duration::from_secs(4), "within the limit of a read");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_connection_serves_until_replaced() {
    let server = Server::start().expect("must start");
    migrated(&server.url("postgres")).await;
    let limits = Limits { connection_lifetime: Duration::from_millis(200), ..Limits::default() };
    let settings =
        PostgresSettings { max_connections: 1, limits, ..PostgresSettings::new(server.url("postgres")) };
    let database = PostgresDatabase::new(&settings).expect("a URL");
    count(&database, "user_ada").await.expect("must read");
    let session = async || {
        let question = "SELECT max(pid) FROM pg_stat_activity WHERE application_name = 'icp'";
        let row = crate::support::client(&server.url("postgres")).await.query_one(question, &[]).await;
        row.expect("must respond").get::<_, i32>(0)
    };
    let first = session().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    count(&database, "user_ada").await.expect("must read");
    assert_ne!(session().await, first, "an old connection is replaced");

    server.refuse_connections().expect("new connections are refused");
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..3 {
        count(&database, "user_ada").await.expect("the open connection must serve");
    }
}

/// `localhost` is first resolved to `::1`, where a listener accepts connections and sends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn every_address_of_host_is_tried() {
    let server = Server::start().expect("must start");
    migrated(&server.url("postgres")).await;
    let silent = std::net::TcpListener::bind(("::1", server.port())).expect("must listen");
    let database = database(&server.url("postgres").replace("127.0.0.1", "localhost"));
    eventually("it connects", async || count(&database, "user_ada").await.is_ok()).await;
    drop(silent);
}
