//! Reads that hang and reads that are given up must not take the database down, or other users' reads with them.

#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use icp_domain::Caller;
use icp_ports::{IcpReader as _, ListQuery, RepositoryError, Schema as _};
use icp_postgres::{PostgresDatabase, PostgresSettings};
use icp_testkit::fixtures::user;
use icp_testkit::postgres::{self, Database};
use tokio_postgres::{Client, NoTls};

const LANES: usize = 3;

async fn migrated() -> (Arc<PostgresDatabase>, Client, Database) {
    let database = postgres::shared().database();
    let settings = PostgresSettings { max_connections: LANES, ..PostgresSettings::new(database.url()) };
    let adapter = PostgresDatabase::new(&settings).unwrap();
    adapter.migrate().await.unwrap();
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    (Arc::new(adapter), client, database)
}

fn list_of(name: &str) -> ListQuery {
    ListQuery::everything(Caller::user(user(name)).list_scope())
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_hang_take_no_more_connections_than_a_few_for_each_lane() {
    let (adapter, mut client, database) = migrated().await;
    let (watcher, connection) = tokio_postgres::connect(database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let lock = client.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE icps IN ACCESS EXCLUSIVE MODE").await.unwrap();

    let mut most = 0;
    let mut reads = Vec::new();
    for _ in 0..70 {
        for _ in 0..5 {
            let adapter = Arc::clone(&adapter);
            reads.push(tokio::spawn(async move { adapter.list(&list_of("user_ada")).await }));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let count = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'icp'";
        most = most.max(watcher.query_one(count, &[]).await.unwrap().get::<_, i64>(0));
    }
    assert!(most <= 4 * i64::try_from(LANES).unwrap(), "{most} connections for {LANES} lanes");
    let mut refused = 0;
    for read in reads {
        match read.await.unwrap() {
            // Which of the two it is depends on when something was answered last.
            Err(RepositoryError::Overloaded) => refused += 1,
            Err(RepositoryError::Unavailable(error)) => {
                refused += u32::from(error.to_string().contains("does not answer those who came before"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(refused > 0, "who gets no turn is told so, and does not wait for a statement's time");
    lock.rollback().await.unwrap();
    assert!(adapter.list(&list_of("user_ada")).await.is_ok(), "it heals");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_are_given_up_do_not_starve_others() {
    let (adapter, client, _database) = migrated().await;
    let fill = "
        INSERT INTO icps (id, name, created_at, updated_at, document)
            SELECT gen_random_uuid(), 'x', now(), now(), repeat('x', 1000) FROM generate_series(1, 10000);
        INSERT INTO icp_members (user_id, created_at, icp_id) SELECT 'user_big', created_at, id FROM icps;";
    client.batch_execute(fill).await.unwrap();
    // One who hangs up again and again, at once.
    let hangs_up: Vec<_> = (0..600)
        .map(|_| {
            let adapter = Arc::clone(&adapter);
            let reading = async move { adapter.list(&list_of("user_big")).await };
            tokio::spawn(tokio::time::timeout(Duration::from_millis(5), reading))
        })
        .collect();
    for read in hangs_up {
        let _ = read.await.unwrap();
    }
    for _ in 0..20 {
        assert_eq!(adapter.list(&list_of("user_ada")).await.unwrap().icps.len(), 0, "others are served");
    }
}
