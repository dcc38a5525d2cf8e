//! Tests when server states differ.

use diesel_async::AsyncPgConnection;
use icp_test_postgres::Server;
use tokio_postgres::NoTls;

use crate::server_state::{ListVersions, ServerState};

async fn state_of(server: &Server) -> Option<ServerState> {
    let (client, driver) =
        tokio_postgres::connect(&server.url("postgres"), NoTls).await.expect("must connect");
    tokio::spawn(driver);
    let connection = AsyncPgConnection::try_from(client).await.expect("a connection");
    ListVersions::default().server_state(&connection).await.expect("must respond")
}

#[tokio::test]
async fn state_changes_with_every_write() {
    let server = Server::start().expect("must start");
    let before = state_of(&server).await;
    assert!(before.is_some());
    assert_eq!(state_of(&server).await, before, "nothing was written");
    server.execute("CREATE TABLE other ()").expect("must write");
    assert_ne!(state_of(&server).await, before);
}

/// A standby that is promoted continues with the transaction numbers of its primary.
#[tokio::test]
async fn state_of_another_server_differs() {
    let primary = Server::start().expect("must start");
    let standby = primary.standby().expect("must replicate");
    assert_eq!(state_of(&standby).await, None, "a standby's snapshot does not list every transaction");
    standby.promote().expect("must be promoted");
    let [old, new] = [state_of(&primary).await, state_of(&standby).await];
    assert!(old.is_some() && new.is_some());
    assert_ne!(old, new);
}
