//! Tests the service behind PgBouncer: in session mode, and in transaction mode with and without prepared statements.

use std::time::Duration;

use futures_util::future::join_all;
use icp_test_postgres::{PoolMode, Pooler, Server};
use icp_testkit::fixtures::EXAMPLE_LIST;
use reqwest::Method;
use serde_json::json;

use crate::support::{LIST, Response, Service, Setup, eventually, stderr, stdout};

/// Fewer connections from PgBouncer to PostgreSQL than the service opens to PgBouncer, so that the connections of the
/// service share them.
const FEW_SESSIONS: usize = 3;
/// Enough connections from PgBouncer to PostgreSQL for all connections of the service and of its commands.
const ENOUGH_SESSIONS: usize = 16;
const CLIENTS: usize = 48;

fn start_pooler(mode: PoolMode, sessions: usize) -> (Server, Pooler, Setup) {
    let server = Server::start().expect("the server must start");
    let pooler = Pooler::start_with(&crate::production::pgbouncer(), server.port(), sessions, mode)
        .expect("the pooler must start");
    let setup = Setup::new().with("ICP__DATABASE__URL", &pooler.url("postgres"));
    (server, pooler, setup)
}

/// Creates, changes and lists ICPs for many users concurrently. Returns all responses.
async fn send_requests(service: &Service) -> Vec<Response> {
    let users = (0..CLIENTS).map(|number| service.token(&format!("user_{number}")));
    let requests = users.collect::<Vec<_>>().into_iter().map(async |token| {
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
    join_all(requests).await.into_iter().flatten().collect()
}

/// Checks that commands and requests succeed, and that requests succeed again after a restart of the pooler.
async fn assert_commands_and_requests_succeed(pooler: &Pooler, setup: Setup) {
    let migrated = setup.icp(&["migrate"]);
    assert!(migrated.status.success(), "{}", stderr(&migrated));
    // The migration has already stored the ICPs of `EXAMPLE_LIST` as samples. So the import replaces them.
    let import = ["import", "--on-conflict", "replace"];
    assert!(setup.icp_with_input(&import, EXAMPLE_LIST.as_bytes()).status.success());
    assert_eq!(stdout(&setup.icp(&["export"])).lines().count(), 2);
    let service = setup.start();
    for _ in 0..3 {
        for response in send_requests(&service).await {
            assert!(response.status.is_success(), "{response:?}");
        }
    }
    pooler.kill();
    pooler.start_again().expect("the pooler must start");
    let recovers = async || service.list("user_abc123").await.status == 200;
    assert!(eventually(Duration::from_secs(10), recovers).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn requests_succeed_with_transaction_pooling() {
    let (_server, pooler, setup) = start_pooler(PoolMode::Transaction, FEW_SESSIONS);
    assert_commands_and_requests_succeed(&pooler, setup).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn requests_succeed_with_session_pooling() {
    let (_server, pooler, setup) = start_pooler(PoolMode::Session, ENOUGH_SESSIONS);
    assert_commands_and_requests_succeed(&pooler, setup).await;
}

/// If the service changed a setting of a session, the setting would apply to the next client that gets the session.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn service_changes_no_setting_of_pooled_sessions() {
    let (server, pooler, setup) = start_pooler(PoolMode::Transaction, FEW_SESSIONS);
    let service = setup.start();
    let initial = read_settings(&server.url("postgres")).await;
    for _ in 0..5 {
        for response in send_requests(&service).await {
            assert!(response.status.is_success(), "{response:?}");
        }
        assert_eq!(read_settings(&pooler.url("postgres")).await, initial);
    }
}

/// Returns the settings that a client can change in its session.
async fn read_settings(url: &str) -> Vec<(String, String)> {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the client must connect");
    let driver = tokio::spawn(connection);
    let rows =
        client.simple_query("SELECT name, setting FROM pg_settings WHERE context = 'user' ORDER BY name");
    let rows = rows.await.expect("the query must succeed").into_iter();
    driver.abort();
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
    let (_server, _pooler, setup) = start_pooler(PoolMode::TransactionUnprepared, FEW_SESSIONS);
    // With the default timeout, a busy machine could reject some requests with a 503.
    let service = setup.with("ICP__DATABASE__ACQUIRE_TIMEOUT_MILLISECONDS", "4000").start();
    let mut failed = 0;
    for _ in 0..5 {
        for response in send_requests(&service).await.iter().filter(|response| !response.status.is_success())
        {
            response.assert_problem(500, "INTERNAL_ERROR");
            failed += 1;
        }
    }
    assert!(failed > 0, "requests must fail, because the pooler does not support prepared statements");
    let log = service.log();
    assert!(
        log.contains("does not know a prepared statement") && log.contains("max_prepared_statements"),
        "{log}"
    );
}
