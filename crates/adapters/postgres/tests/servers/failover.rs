//! URLs with several hosts, promoted standbys, and replaced connections.

use std::time::{Duration, Instant};

use icp_postgres::{Limits, PostgresDatabase, PostgresSettings};
use icp_test_postgres::Server;

use crate::support::{count_icps, database, migrated_database, store_icp, wait_until};

fn standby_first_url(primary: &Server, standby: &Server) -> String {
    format!("postgres://icp@127.0.0.1:{},127.0.0.1:{}/postgres", standby.port(), primary.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_continue_on_promoted_standby() {
    let primary = Server::start().expect("the server must start");
    migrated_database(&primary.url("postgres")).await;
    let standby = primary.standby().expect("the standby must start");
    primary.set("synchronous_standby_names", "*").expect("the server must accept the setting");
    let database = database(&standby_first_url(&primary, &standby));
    store_icp(&database, 1, "user_ada")
        .await
        .expect("the primary must store the ICP, although the standby is the first host");
    assert_eq!(count_icps(&database, "user_ada").await.expect("the list must be read"), 1);

    primary.kill().expect("the server must be killed");
    assert!(
        store_icp(&database, 2, "user_ada").await.is_err(),
        "a write must fail while no server accepts writes"
    );
    standby.promote().expect("the standby must be promoted");
    wait_until("a write succeeds on the promoted standby", async || {
        store_icp(&database, 3, "user_ada").await.is_ok()
    })
    .await;
    let icp_count = count_icps(&database, "user_ada").await.expect("the list must be read");
    assert_eq!(icp_count, 2, "the standby must have all acknowledged writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_server_is_disconnected() {
    let primary = Server::start().expect("the server must start");
    migrated_database(&primary.url("postgres")).await;
    let standby = primary.standby().expect("the standby must start");
    let database = database(&standby_first_url(&primary, &standby));
    store_icp(&database, 1, "user_ada").await.expect("the ICP must be stored");
    wait_until("the standby has replayed the write", async || {
        let standby_database = crate::support::database(&standby.url("postgres"));
        count_icps(&standby_database, "user_ada").await.is_ok_and(|icp_count| icp_count == 1)
    })
    .await;
    // The open connections to the old primary stay open, but no longer accept writes.
    primary.set("default_transaction_read_only", "on").expect("the server must accept the setting");
    standby.promote().expect("the standby must be promoted");
    wait_until("a write succeeds on the promoted standby", async || {
        store_icp(&database, 2, "user_ada").await.is_ok()
    })
    .await;
    assert_eq!(
        count_icps(&crate::support::database(&standby.url("postgres")), "user_ada")
            .await
            .expect("the list must be read"),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn second_host_is_tried_after_silent_host() {
    let (frozen, primary) =
        (Server::start().expect("the server must start"), Server::start().expect("the server must start"));
    migrated_database(&primary.url("postgres")).await;
    frozen.pause().expect("the server must be paused");
    let url = format!("postgres://icp@127.0.0.1:{},127.0.0.1:{}/postgres", frozen.port(), primary.port());
    let start = Instant::now();
    assert_eq!(count_icps(&database(&url), "user_ada").await.expect("the other host must respond"), 0);
    assert!(start.elapsed() < Duration::from_secs(4), "the read must end within its timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_connection_is_used_until_replaced() {
    let server = Server::start().expect("the server must start");
    migrated_database(&server.url("postgres")).await;
    let limits = Limits { connection_lifetime: Duration::from_millis(200), ..Limits::default() };
    let settings =
        PostgresSettings { max_connections: 1, limits, ..PostgresSettings::new(server.url("postgres")) };
    let database = PostgresDatabase::new(&settings).expect("the URL must be valid");
    count_icps(&database, "user_ada").await.expect("the list must be read");
    let session_pid = async || {
        let query = "SELECT max(pid) FROM pg_stat_activity WHERE application_name = 'icp'";
        let row = crate::support::client(&server.url("postgres")).await.query_one(query, &[]).await;
        row.expect("the query must succeed").get::<_, i32>(0)
    };
    let first_pid = session_pid().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    count_icps(&database, "user_ada").await.expect("the list must be read");
    assert_ne!(session_pid().await, first_pid, "an old connection must be replaced");

    server.refuse_connections().expect("the server must refuse new connections");
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..3 {
        count_icps(&database, "user_ada").await.expect("the open connection must stay in use");
    }
}

/// The first address of `localhost` is `::1`. A listener at this address accepts connections, but does not respond.
#[tokio::test(flavor = "multi_thread")]
async fn every_address_of_host_is_tried() {
    let server = Server::start().expect("the server must start");
    migrated_database(&server.url("postgres")).await;
    let silent_listener =
        std::net::TcpListener::bind(("::1", server.port())).expect("the listener must bind the port");
    let database = database(&server.url("postgres").replace("127.0.0.1", "localhost"));
    wait_until("the client connects", async || count_icps(&database, "user_ada").await.is_ok()).await;
    drop(silent_listener);
}
