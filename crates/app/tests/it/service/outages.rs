//! Outages of PostgreSQL.

use std::time::{Duration, Instant};

use icp_test_postgres::{Database, Server};
use icp_testkit::fixtures::EXAMPLE_LIST;

use crate::support::{LIST, Service, Setup, eventually};

/// A service on its own server, which the test can stop.
struct Breakable {
    server: Server,
    database: Database,
    service: Service,
    token: String,
}

impl Breakable {
    fn start() -> Self {
        let server = Server::start().expect("PostgreSQL must start");
        let database = server.database().expect("a database");
        let setup = Setup::new().with("ICP__DATABASE__URL", database.url());
        assert!(setup.icp_with_input(&["import"], EXAMPLE_LIST.as_bytes()).status.success());
        let token = setup.token(&["--user", "user_abc123", "--ttl", "1d"]);
        Self { server, database, service: setup.start(), token }
    }

    async fn works(&self) -> bool {
        self.service.get(LIST, Some(&self.token)).await.status == 200
    }

    async fn assert_outage(&self) {
        for _ in 0..3 {
            let started = Instant::now();
            let list = self.service.get(LIST, Some(&self.token)).await;
            assert!(started.elapsed() < Duration::from_secs(5), "within 5 s: {:?}", started.elapsed());
            list.assert_problem(500, "INTERNAL_ERROR");
            let message = list.body.to_lowercase();
            assert!(
                !["postgres", "connection", "sql", "127.0.0.1"].iter().any(|word| message.contains(word)),
                "{message}"
            );
        }
        let ready = self.service.get("/health/ready", None).await;
        assert_eq!(ready.status, 503);
        assert_eq!(ready.json()["status"], "not ready");
        assert_eq!(ready.json()["checks"]["database"], "unavailable");
        assert_eq!(self.service.get("/health/live", None).await.status, 200);
        // Requests without a token are a 401 during an outage too.
        self.service.get(LIST, None).await.assert_problem(401, "UNAUTHORIZED");
    }

    async fn assert_recovered(&self) {
        assert!(eventually(Duration::from_secs(10), || self.works()).await, "{}", self.service.log());
        assert_eq!(self.service.get("/health/ready", None).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recovers_after_postgresql_was_stopped() {
    let breakable = Breakable::start();
    assert!(breakable.works().await);
    breakable.server.stop().expect("the server must stop");
    breakable.assert_outage().await;
    breakable.server.start_again().expect("the server must start");
    breakable.assert_recovered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recovers_after_postgresql_was_killed() {
    let breakable = Breakable::start();
    assert!(breakable.works().await);
    breakable.server.kill().expect("the process must exit");
    breakable.assert_outage().await;
    breakable.server.start_again().expect("the server must start");
    breakable.assert_recovered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recovers_after_postgresql_hung() {
    let breakable = Breakable::start();
    assert!(breakable.works().await);
    breakable.server.pause().expect("the server must be paused");
    breakable.assert_outage().await;
    breakable.server.resume().expect("the server must resume");
    breakable.assert_recovered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_database_connections_are_not_noticed() {
    let breakable = Breakable::start();
    for _ in 0..5 {
        // Enough requests to use every connection.
        for _ in 0..10 {
            assert!(breakable.works().await);
        }
        cut_all_connections(breakable.database.url()).await;
        for _ in 0..10 {
            let list = breakable.service.get(LIST, Some(&breakable.token)).await;
            assert_eq!(list.status, 200, "{list:?} {}", breakable.service.log());
        }
    }
}

async fn cut_all_connections(url: &str) {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the client must connect");
    let driving = tokio::spawn(connection);
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let cut: i64 = client.query_one(cut, &[]).await.expect("the connections must be terminated").get(0);
    assert!(cut > 0, "there were connections");
    drop(client);
    driving.await.expect("must end").expect("must succeed");
}
