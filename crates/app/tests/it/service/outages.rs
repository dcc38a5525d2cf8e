//! Tests how the service behaves during and after outages of PostgreSQL.

use std::time::{Duration, Instant};

use icp_test_postgres::{Database, Server};
use icp_testkit::fixtures::EXAMPLE_LIST;

use crate::support::{LIST, Service, Setup, eventually};

/// A service with a separate PostgreSQL server, which the test can stop.
struct ServiceAndServer {
    server: Server,
    database: Database,
    service: Service,
    token: String,
}

impl ServiceAndServer {
    fn start() -> Self {
        let server = Server::start().expect("PostgreSQL must start");
        let database = server.database().expect("the database must be created");
        let service_setup = Setup::new().with("ICP__DATABASE__URL", database.url());
        assert!(service_setup.icp_with_input(&["import"], EXAMPLE_LIST.as_bytes()).status.success());
        let token = service_setup.token(&["--user", "user_abc123", "--ttl", "1d"]);
        Self { server, database, service: service_setup.start(), token }
    }

    async fn returns_list(&self) -> bool {
        self.service.get(LIST, Some(&self.token)).await.status == 200
    }

    async fn assert_outage(&self) {
        for _ in 0..3 {
            let started = Instant::now();
            let list = self.service.get(LIST, Some(&self.token)).await;
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "the service must report the outage within 5 s, but took {:?}",
                started.elapsed()
            );
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
        // A request without a token gets a 401 during an outage, too.
        self.service.get(LIST, None).await.assert_problem(401, "UNAUTHORIZED");
    }

    async fn assert_recovered(&self) {
        assert!(eventually(Duration::from_secs(10), || self.returns_list()).await, "{}", self.service.log());
        assert_eq!(self.service.get("/health/ready", None).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_recovers_after_postgresql_stop() {
    let setup = ServiceAndServer::start();
    assert!(setup.returns_list().await);
    setup.server.stop().expect("the server must stop");
    setup.assert_outage().await;
    setup.server.start_again().expect("the server must start");
    setup.assert_recovered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_recovers_after_postgresql_kill() {
    let setup = ServiceAndServer::start();
    assert!(setup.returns_list().await);
    setup.server.kill().expect("the process must exit");
    setup.assert_outage().await;
    setup.server.start_again().expect("the server must start");
    setup.assert_recovered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_recovers_after_postgresql_pause() {
    let setup = ServiceAndServer::start();
    assert!(setup.returns_list().await);
    setup.server.pause().expect("the server must be paused");
    setup.assert_outage().await;
    setup.server.resume().expect("the server must resume");
    setup.assert_recovered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_succeed_after_connections_were_closed() {
    let setup = ServiceAndServer::start();
    for _ in 0..5 {
        // The service keeps the connections of these requests open.
        for _ in 0..10 {
            assert!(setup.returns_list().await);
        }
        close_all_connections(setup.database.url()).await;
        for _ in 0..10 {
            let list = setup.service.get(LIST, Some(&setup.token)).await;
            assert_eq!(list.status, 200, "{list:?} {}", setup.service.log());
        }
    }
}

async fn close_all_connections(url: &str) {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the client must connect");
    let driver = tokio::spawn(connection);
    let statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let closed_count: i64 =
        client.query_one(statement, &[]).await.expect("the connections must be terminated").get(0);
    assert!(closed_count > 0, "the service must have had connections");
    drop(client);
    driver.await.expect("the task must not panic").expect("the connection must end without an error");
}
