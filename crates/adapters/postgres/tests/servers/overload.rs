//! Hanging reads, abandoned reads, long lists, and a server that allows few connections.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use icp_domain::Caller;
use icp_ports::{
    Health, HealthCheck as _, IcpReader as _, IcpRepository as _, ListQuery, Migrator as _, RepositoryError,
};
use icp_postgres::{PostgresDatabase, PostgresSettings};
use icp_test_postgres::{self as postgres, Database, Proxy, Server};
use icp_testkit::fixtures::{any_creator, icp, id, user};
use tokio_postgres::{Client, NoTls};

use crate::support::{migrated_database, scope, wait_until};

const MAX_CONNECTIONS: usize = 3;

async fn start_database() -> (Arc<PostgresDatabase>, Client, Database) {
    let database = postgres::shared().database();
    let settings =
        PostgresSettings { max_connections: MAX_CONNECTIONS, ..PostgresSettings::new(database.url()) };
    let adapter = PostgresDatabase::new(&settings).expect("the URL must be valid");
    adapter.migrate().await.expect("the migration must succeed");
    let (client, connection) =
        tokio_postgres::connect(database.url(), NoTls).await.expect("the client must connect");
    tokio::spawn(connection);
    (Arc::new(adapter), client, database)
}

fn list_of(name: &str) -> ListQuery {
    ListQuery::everything(scope(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_reads_open_no_further_connections() {
    let (adapter, mut client, database) = start_database().await;
    let (observer, connection) =
        tokio_postgres::connect(database.url(), NoTls).await.expect("the client must connect");
    tokio::spawn(connection);
    let lock = client.transaction().await.expect("the transaction must begin");
    lock.batch_execute("LOCK TABLE icps IN ACCESS EXCLUSIVE MODE").await.expect("the lock must be acquired");

    let mut max_open = 0;
    let mut reads = Vec::new();
    for _ in 0..70 {
        for _ in 0..5 {
            let adapter = Arc::clone(&adapter);
            reads.push(tokio::spawn(async move { adapter.list(&list_of("user_ada")).await }));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let count_connections = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'icp'";
        max_open = max_open.max(
            observer
                .query_one(count_connections, &[])
                .await
                .expect("the query must succeed")
                .get::<_, i64>(0),
        );
    }
    // A statement is cancelled at its deadline, and its connection is replaced. Until the old connection is closed,
    // both connections are open.
    assert!(
        max_open <= 2 * i64::try_from(MAX_CONNECTIONS).expect("the number must fit"),
        "{max_open} connections"
    );
    for read in reads {
        match read.await.expect("the task must not panic") {
            Err(RepositoryError::Overloaded | RepositoryError::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    lock.rollback().await.expect("the transaction must be rolled back");
    assert!(
        adapter.list(&list_of("user_ada")).await.is_ok(),
        "reads must succeed after the lock was released"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_reads_do_not_block_other_users() {
    let (adapter, client, _database) = start_database().await;
    let insert_long_list = "
        INSERT INTO icps (id, name, created_at, updated_at, document, name_folded, providers)
            SELECT gen_random_uuid(), 'x', now(), now(), repeat('x', 1000), 'x', ',' FROM generate_series(1, 10000);
        INSERT INTO icp_members (user_id, created_at, icp_id) SELECT 'user_big', created_at, id FROM icps;";
    client.batch_execute(insert_long_list).await.expect("the rows must be inserted");
    let abandoned = (0..600).map(|_| {
        let adapter = Arc::clone(&adapter);
        let reading = async move { adapter.list(&list_of("user_big")).await };
        tokio::spawn(tokio::time::timeout(Duration::from_millis(5), reading))
    });
    for read in abandoned.collect::<Vec<_>>() {
        let _ = read.await.expect("the task must not panic");
    }
    for _ in 0..20 {
        assert_eq!(
            adapter
                .list(&list_of("user_ada"))
                .await
                .expect("the list of another user must be read")
                .icps
                .len(),
            0
        );
    }
}

/// The role may open three connections, and the settings allow eight.
#[tokio::test(flavor = "multi_thread")]
async fn requests_succeed_at_connection_limit_of_role() {
    let server = Server::start().expect("the server must start");
    migrated_database(&server.url("postgres")).await;
    server
        .execute("CREATE ROLE limited LOGIN SUPERUSER CONNECTION LIMIT 3")
        .expect("the role must be created");
    server.execute("ALTER ROLE limited NOSUPERUSER").expect("the role must be changed");
    server
        .execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO limited")
        .expect("the privileges must be granted");
    let url = server.url("postgres").replace("icp@", "limited@");
    let (workers, other_tasks) =
        PostgresDatabase::for_workers(&PostgresSettings::new(url), 4).expect("the URL must be valid");
    let workers = [workers, vec![other_tasks]].concat();

    let tasks = (0..32_u128).map(|number| {
        let database = workers[usize::try_from(number).expect("the number must fit") % workers.len()].clone();
        tokio::spawn(async move {
            let name = format!("user_{number}");
            let access = Caller::user(user(&name)).access_scope();
            for round in 0..40 {
                let number = number * 1_000 + round;
                let document = icp(number).with("userIds", [name.as_str()]).document();
                database.insert(&document, any_creator(), None).await.expect("the ICP must be inserted");
                database.list(&list_of(&name)).await.expect("the list must be read");
                let page = ListQuery { limit: std::num::NonZeroUsize::new(2), ..list_of(&name) };
                database.list(&page).await.expect("the page must be read");
                database.get(id(number), &access).await.expect("the ICP must be read");
                assert_eq!(database.health().await, Health::Ok);
            }
        })
    });
    for result in join_all(tasks).await {
        result.expect("the request must succeed");
    }
    let open = workers[0].pool_status().open;
    assert!((1..=3).contains(&open), "{open} connections are open");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_list_reads_only_returned_documents() {
    const COUNT: u128 = 40;
    let server = Server::start().expect("the server must start");
    let proxy = Proxy::start(server.port()).expect("the proxy must start");
    migrated_database(&server.url("postgres")).await;
    let database = crate::support::database(&proxy.url("postgres"));
    for number in 1..=COUNT {
        let description = "x".repeat(1_000_000);
        let document = icp(number).with("description", description).document();
        database.insert(&document, any_creator(), None).await.expect("the ICP must be stored");
    }
    let part = ListQuery { max_bytes: std::num::NonZeroUsize::new(4 * 1024 * 1024), ..list_of("user_ada") };
    let before = proxy.received_bytes();
    let list = database.list(&part).await.expect("the list must be read");
    let received = proxy.received_bytes() - before;
    assert!(list.next.is_some() && list.icps.len() == 5, "{} ICPs", list.icps.len());
    assert!(received < 8 * 1024 * 1024, "received {received} bytes for 5 documents of 1 MB");
    for sort in [icp_ports::Sort::UpdatedAt, icp_ports::Sort::Name, icp_ports::Sort::ActiveUntil] {
        let start = icp_ports::ListStart::Beginning(sort);
        let before = proxy.received_bytes();
        database.list(&ListQuery { start, ..part.clone() }).await.expect("the list must be read");
        let received = proxy.received_bytes() - before;
        assert!(received < 8 * 1024 * 1024, "received {received} bytes in the order {sort:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statement_is_cancelled_at_its_deadline() {
    let (adapter, mut client, _database) = start_database().await;
    let lock = client.transaction().await.expect("the transaction must begin");
    lock.batch_execute("LOCK TABLE icps IN ACCESS EXCLUSIVE MODE").await.expect("the lock must be acquired");
    adapter
        .list(&list_of("user_ada"))
        .await
        .expect_err("the locked table must block the read until the timeout");
    let count_lock_waits = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'icp' AND wait_event_type = 'Lock'";
    wait_until("no statement waits for the lock", async || {
        lock.query_one(count_lock_waits, &[]).await.expect("the query must succeed").get::<_, i64>(0) == 0
    })
    .await;
}
