use std::time::{Duration, Instant};

use icp_domain::{Caller, ListScope};
use icp_ports::{IcpReader, IcpRepository as _, ListQuery, Migrator as _, RepositoryError};
use icp_postgres::{PostgresDatabase, PostgresSettings};
use icp_testkit::fixtures::{any_creator, icp, user};
use tokio_postgres::{Client, NoTls};

pub(crate) fn database(url: &str) -> PostgresDatabase {
    PostgresDatabase::new(&PostgresSettings::new(url)).expect("the URL must be valid")
}

/// Returns a database with all migrations applied.
pub(crate) async fn migrated_database(url: &str) -> PostgresDatabase {
    let database = database(url);
    database.migrate().await.expect("the migration must succeed");
    database
}

pub(crate) async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the client must connect");
    tokio::spawn(connection);
    client
}

pub(crate) fn scope(name: &str) -> ListScope {
    Caller::user(user(name)).list_scope()
}

/// Returns the number of ICPs of a user.
pub(crate) async fn count_icps(reader: &impl IcpReader, name: &str) -> Result<usize, RepositoryError> {
    Ok(reader.list(&ListQuery::everything(scope(name))).await?.icps.len())
}

/// Inserts the ICP `number` of a user.
pub(crate) async fn store_icp(
    database: &PostgresDatabase,
    number: u128,
    name: &str,
) -> Result<(), RepositoryError> {
    database.insert(&icp(number).with("userIds", [name]).document(), any_creator(), None).await.map(drop)
}

/// Waits until `check` returns true. Panics after 30 seconds.
pub(crate) async fn wait_until<F: Future<Output = bool>>(condition: &str, mut check: impl FnMut() -> F) {
    let start = Instant::now();
    while !check().await {
        assert!(start.elapsed() < Duration::from_secs(30), "timed out while waiting until {condition}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns the messages of an error and of its causes.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
