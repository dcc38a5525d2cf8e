//! Tests when server states differ.

use icp_test_postgres::Server;

use crate::PostgresSettings;
use crate::connect::ConnectionOpener;
use crate::server_state::{ListVersions, ServerState};

fn opener(server: &Server) -> ConnectionOpener {
    ConnectionOpener::new(&PostgresSettings::new(server.url("postgres"))).expect("the URL must be valid")
}

/// Returns the state of a server for a new opener that has opened one connection.
async fn state_of(server: &Server) -> Option<ServerState> {
    let opener = opener(server);
    let connection = opener.open().await.expect("the connection must be opened");
    ListVersions::new(opener).server_state(&connection.diesel).await.expect("the state must be read")
}

#[tokio::test]
async fn state_changes_after_new_connection() {
    let server = Server::start().expect("the server must start");
    let opener = opener(&server);
    let connection = opener.open().await.expect("the connection must be opened");
    let versions = ListVersions::new(opener.clone());
    let state = async || versions.server_state(&connection.diesel).await.expect("the state must be read");
    let before = state().await;
    assert!(
        before.is_some() && state().await == before,
        "the state must not change without a new connection"
    );
    opener.open().await.expect("the connection must be opened");
    assert_ne!(state().await, before, "a crash may have broken the other connections");
}

#[tokio::test]
async fn state_changes_with_every_write() {
    let server = Server::start().expect("the server must start");
    let before = state_of(&server).await;
    assert!(before.is_some(), "a primary must have a state");
    assert_eq!(state_of(&server).await, before, "the state must not change without a write");
    server.execute("CREATE TABLE other ()").expect("the statement must succeed");
    assert_ne!(state_of(&server).await, before);
}

/// A promoted standby continues the transaction numbers of its primary, so the snapshots of the two servers can be
/// equal.
#[tokio::test]
async fn states_of_two_servers_differ() {
    let primary = Server::start().expect("the server must start");
    let standby = primary.standby().expect("the standby must start");
    assert_eq!(state_of(&standby).await, None, "a standby must have no state");
    standby.promote().expect("the standby must be promoted");
    let [old, new] = [state_of(&primary).await, state_of(&standby).await];
    assert!(old.is_some() && new.is_some(), "both servers must have a state: {old:?} {new:?}");
    assert_ne!(old, new);
}
