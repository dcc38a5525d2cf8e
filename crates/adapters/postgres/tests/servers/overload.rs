//! Hanging reads, cancelled reads, and a server that allows few connections.

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

use crate::support::{eventually, migrated, scope};

const MAX_CONNECTIONS: usize = 3;

async fn start() -> (Arc<PostgresDatabase>, Client, Database) {
    let database = postgres::shared().database();
    let settings =
        PostgresSettings { max_connections: MAX_CONNECTIONS, ..PostgresSettings::new(database.url()) };
    let adapter = PostgresDatabase::new(&settings).expect("a URL");
    adapter.migrate().await.expect("must migrate");
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await.expect("must connect");
    tokio::spawn(connection);
    (Arc::new(adapter), client, database)
}

fn list_of(name: &str) -> ListQuery {
    ListQuery::everything(scope(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_reads_open_no_further_connections() {
    let (adapter, mut client, database) = start().await;
    let (watcher, connection) = tokio_postgres::connect(database.url(), NoTls).await.expect("must connect");
    tokio::spawn(connection);
    let lock = client.transaction().await.expect("must begin");
    lock.batch_execute("LOCK TABLE icps IN ACCESS EXCLUSIVE MODE").await.expect("must lock");

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
        most = most.max(watcher.query_one(count, &[]).await.expect("count failed").get::<_, i64>(0));
    }
    // A statement is cancelled at its deadline, and its connection is replaced. Both take some time.
    assert!(most <= 2 * i64::try_from(MAX_CONNECTIONS).expect("a small number"), "{most} connections");
    for read in reads {
        match read.await.expect("must end") {
            Err(RepositoryError::Overloaded | RepositoryError::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    lock.rollback().await.expect("must unlock");
    assert!(adapter.list(&list_of("user_ada")).await.is_ok(), "it recovers");
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_reads_do_not_starve_others() {
    let (adapter, client, _database) = start().await;
    let fill = "
        INSERT INTO icps (id, name, created_at, updated_at, document, name_folded, providers)
            SELECT gen_random_uuid(), 'x', now(), now(), repeat('x', 1000), 'x', ',' FROM generate_series(1, 10000);
        INSERT INTO icp_members (user_id, created_at, icp_id) SELECT 'user_big', created_at, id FROM icps;";
    client.batch_execute(fill).await.expect("must insert");
    let abandoned = (0..600).map(|_| {
        let adapter = Arc::clone(&adapter);
        let reading = async move { adapter.list(&list_of("user_big")).await };
        tokio::spawn(tokio::time::timeout(Duration::from_millis(5), reading))
    });
    for read in abandoned.collect::<Vec<_>>() {
        let _ = read.await.expect("must end");
    }
    for _ in 0..20 {
        assert_eq!(adapter.list(&list_of("user_ada")).await.expect("others are served").icps.len(), 0);
    }
}

/// The role may open three connections, and the settings allow eight.
#[tokio::test(flavor = "multi_thread")]
async fn connection_limit_of_role_fails_no_request() {
    let server = Server::start().expect("must start");
    migrated(&server.url("postgres")).await;
    server.execute("CREATE ROLE limited LOGIN SUPERUSER CONNECTION LIMIT 3").expect("must be created");
    server.execute("ALTER ROLE limited NOSUPERUSER").expect("must be changed");
    server.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO limited").expect("must be granted");
    let url = server.url("postgres").replace("icp@", "limited@");
    let (workers, other) = PostgresDatabase::for_workers(&PostgresSettings::new(url), 4).expect("a URL");
    let workers = [workers, vec![other]].concat();

    let work = (0..32_u128).map(|number| {
        let database = workers[usize::try_from(number).expect("a small number") % workers.len()].clone();
        tokio::spawn(async move {
            let name = format!("user_{number}");
            let access = Caller::user(user(&name)).access_scope();
            for round in 0..40 {
                let number = number * 1_000 + round;
                let document = icp(number).with("userIds", [name.as_str()]).document();
                database.insert(&document, any_creator(), None).await.expect("an insert");
                database.list(&list_of(&name)).await.expect("a list");
                let page = ListQuery { limit: std::num::NonZeroUsize::new(2), ..list_of(&name) };
                database.list(&page).await.expect("a page");
                database.get(id(number), &access).await.expect("a get");
                assert_eq!(database.health().await, Health::Ok);
            }
        })
    });
    for worker in join_all(work).await {
        worker.expect("no request fails");
    }
    let open = workers[0].pool_status().open;
    assert!((1..=3).contains(&open), "{open} connections are open");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_list_reads_only_returned_documents() {
    const COUNT: u128 = 40;
    let server = Server::start().expect("must start");
    let proxy = Proxy::start(server.port()).expect("must start");
    migrated(&server.url("postgres")).await;
    let database = crate::support::database(&proxy.url("postgres"));
    for number in 1..=COUNT {
        let long = "x".repeat(1_000_000);
        let document = icp(number).with("description", long).document();
        database.insert(&document, any_creator(), None).await.expect("must be stored");
    }
    let part = ListQuery { max_bytes: std::num::NonZeroUsize::new(4 * 1024 * 1024), ..list_of("user_ada") };
    let before = proxy.received_bytes();
    let list = database.list(&part).await.expect("must list");
    let received = proxy.received_bytes() - before;
    assert!(list.next.is_some() && list.icps.len() == 5, "{} ICPs", list.icps.len());
    assert!(received < 8 * 1024 * 1024, "{received} bytes for 5 documents of a megabyte");
    for sort in [icp_ports::Sort::UpdatedAt, icp_ports::Sort::Name, icp_ports::Sort::ActiveUntil] {
        let start = icp_ports::ListStart::Beginning(sort);
        let before = proxy.received_bytes();
        database.list(&ListQuery { start, ..part.clone() }).await.expect("must list");
        let received = proxy.received_bytes() - before;
        assert!(received < 8 * 1024 * 1024, "{received} bytes by {sort:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statement_past_its_deadline_is_cancelled() {
    let (adapter, mut client, _database) = start().await;
    let lock = client.transaction().await.expect("must begin");
    lock.batch_execute("LOCK TABLE icps IN ACCESS EXCLUSIVE MODE").await.expect("must lock");
    adapter.list(&list_of("user_ada")).await.expect_err("must hang");
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'icp' AND wait_event_type = 'Lock'";
    eventually("nothing waits in the database", async || {
        lock.query_one(waiting, &[]).await.expect("count failed").get::<_, i64>(0) == 0
    })
    .await;
}
