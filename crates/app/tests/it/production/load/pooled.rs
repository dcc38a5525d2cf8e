//! Behind PgBouncer, in each of its modes.

use std::time::Duration;

use futures_util::future::join_all;
use icp_test_postgres::{PoolMode, Pooler, Server};
use icp_testkit::fixtures::EXAMPLE_LIST;
use reqwest::Method;
use serde_json::json;

use crate::support::{LIST, Response, Service, Setup, eventually, stderr, stdout};

/// Fewer sessions than connections of the service, so that connections share sessions.
const SHARED_SESSIONS: usize = 3;
/// One session per connection of the service and of its commands.
const OWN_SESSIONS: usize = 16;
const CLIENTS: usize = 48;

fn start(mode: PoolMode, sessions: usize) -> (Server, Pooler, Setup) {
    let server = Server::start().expect("the server must start");
    let pooler = Pooler::start_with(&crate::production::pgbouncer(), server.port(), sessions, mode)
        .expect("the pooler must start");
    let setup = Setup::new().with("ICP__DATABASE__URL", &pooler.url("postgres"));
    (server, pooler, setup)
}

/// Many users create, change and list concurrently.
async fn work(service: &Service) -> Vec<Response> {
    let users = (0..CLIENTS).map(|number| service.token(&format!("user_{number}")));
    let all = users.collect::<Vec<_>>().into_iter().map(async |token| {
        let body = json!({"name": "A", "leadProviderCriteria": []}).to_string();
        let create = service.request(Method::POST, LIST, &token).header("content-type", "application/json");
        let created = Response::fetch(create.header("idempotency-key", "one").body(body)).await;
        if created.status != 201 {
            return vec![created];
        }
        let change = json!({"name": "B"});
        let changed = service.send(Method::PATCH, &created.icp_path(), &token, &change).await;
        let filtered = service.get(&format!("{LIST}?name=b&sort=updatedAt&limit=1"), Some(&token)).await;
        vec![created, changed, filtered, service.get(LIST, Some(&token)).await]
    });
    join_all(all).await.into_iter().flatten().collect()
}

/// Commands and requests succeed, and requests succeed again after a restart of the pooler.
async fn assert_everything_works(pooler: &Pooler, setup: Setup) {
    let migrated = setup.icp(&["migrate"]);
    assert!(migrated.status.success(), "{}", stderr(&migrated));
    // The migration has stored the samples in the database.
    let import = ["import", "--on-conflict", "replace"];
    assert!(setup.icp_with_input(&import, EXAMPLE_LIST.as_bytes()).status.success());
    assert_eq!(stdout(&setup.icp(&["export"])).lines().count(), 2);
    let service = setup.start();
    for _ in 0..3 {
        for response in work(&service).await {
            assert!(response.status.is_success(), "{response:?}");
        }
    }
    pooler.kill();
    pooler.start_again().expect("the server must start");
    let heals = async || service.list("user_abc123").await.status == 200;
    assert!(eventually(Duration::from_secs(10), heals).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn transaction_pooling_works_with_prepared_statements() {
    let (_server, pooler, setup) = start(PoolMode::Transaction, SHARED_SESSIONS);
    assert_everything_works(&pooler, setup).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn session_pooling_works() {
    let (_server, pooler, setup) = start(PoolMode::Session, OWN_SESSIONS);
    assert_everything_works(&pooler, setup).await;
}

/// A setting of a session would apply to the next client that gets the session.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn pooled_clients_keep_their_session_settings() {
    let (server, pooler, setup) = start(PoolMode::Transaction, SHARED_SESSIONS);
    let service = setup.start();
    let own = settings(&server.url("postgres")).await;
    for _ in 0..5 {
        for response in work(&service).await {
            assert!(response.status.is_success(), "{response:?}");
        }
        assert_eq!(settings(&pooler.url("postgres")).await, own);
    }
}

/// Every setting of a client's session that can differ between sessions.
async fn settings(url: &str) -> Vec<(String, String)> {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the client must connect");
    let driving = tokio::spawn(connection);
    let rows =
        client.simple_query("SELECT name, setting FROM pg_settings WHERE context = 'user' ORDER BY name");
    let rows = rows.await.expect("the query must succeed").into_iter();
    driving.abort();
    let text = |row: &tokio_postgres::SimpleQueryRow, index| row.get(index).unwrap_or_default().to_owned();
    rows.filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some((text(&row, 0), text(&row, 1))),
        _ => None,
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn log_names_pooler_that_forgets_prepared_statements() {
    let (_server, _pooler, setup) = start(PoolMode::TransactionUnprepared, SHARED_SESSIONS);
    let service = setup.start();
    let mut failed = 0;
    for _ in 0..5 {
        for response in work(&service).await.iter().filter(|response| !response.status.is_success()) {
            response.assert_problem(500, "INTERNAL_ERROR");
            failed += 1;
        }
    }
    assert!(failed > 0, "sessions are shared");
    let log = service.log();
    assert!(
        log.contains("does not know a prepared statement") && log.contains("max_prepared_statements"),
        "{log}"
    );
}
