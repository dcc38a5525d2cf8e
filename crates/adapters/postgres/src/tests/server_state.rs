//! Tests when server states differ.

use diesel_async::AsyncPgConnection;
use icp_test_postgres::Server;
use tokio_postgres::NoTls;

use crate::server_state::{ListVersions, ServerState};

async fn state_of(server: &Server) -> Option<ServerState> {
    let (client, connection_task) =
        tokio_postgres::connect(&server.url("postgres"), NoTls).await.expect("the client must connect");
    tokio::spawn(connection_task);
    let connection = AsyncPgConnection::try_from(client).await.expect("the connection must be accepted");
    ListVersions::default().server_state(&connection).await.expect("the state must be read")
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
