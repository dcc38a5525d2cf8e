//! Tests of the pooler in each mode.

use std::path::{Path, PathBuf};

use icp_test_postgres::{PoolMode, Pooler, Server};
use tokio_postgres::{Client, NoTls};

const STATEMENT: &str = "SELECT $1::int8 + 1";

fn pgbouncer() -> PathBuf {
    let configured = std::env::var_os("ICP_TEST_PGBOUNCER").map(PathBuf::from);
    let default_paths = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().map(PathBuf::from);
    let program = configured.into_iter().chain(default_paths).find(|program| program.is_file());
    program.expect("PgBouncer is not installed: run `cargo xtask test --all`, or set ICP_TEST_PGBOUNCER")
}

async fn connect(pooler: &Pooler) -> Client {
    let (client, connection) = tokio_postgres::connect(&pooler.url("postgres"), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Prepares a statement in each of three clients, and executes the statements of the clients alternately.
async fn run_prepared_statements(pooler: &Pooler) -> Result<(), tokio_postgres::Error> {
    let mut clients = Vec::new();
    for _ in 0..3 {
        let client = connect(pooler).await;
        let statement = client.prepare(STATEMENT).await?;
        clients.push((client, statement));
    }
    for round in 0..5_i64 {
        for (client, statement) in &clients {
            let result: i64 = client.query_one(statement, &[&round]).await?.get(0);
            assert_eq!(result, round + 1);
        }
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn session_mode_supports_prepared_statements() {
    let server = Server::start().unwrap();
    let pooler = Pooler::start_with(&pgbouncer(), server.port(), 3, PoolMode::Session).unwrap();
    run_prepared_statements(&pooler).await.unwrap();
}

#[tokio::test]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn transaction_mode_supports_prepared_statements_since_1_21() {
    let server = Server::start().unwrap();
    let pooler = Pooler::start_with(&pgbouncer(), server.port(), 2, PoolMode::Transaction);
    if Pooler::supports_prepared_statements(&pgbouncer()) {
        run_prepared_statements(&pooler.unwrap()).await.unwrap();
    } else {
        let message = pooler.unwrap_err().to_string();
        assert!(message.contains("older than PgBouncer 1.21"), "{message}");
    }
}

#[tokio::test]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn unprepared_transaction_mode_runs_simple_queries() {
    let server = Server::start().unwrap();
    let pooler = Pooler::start(&pgbouncer(), server.port(), 2).unwrap();
    let client = connect(&pooler).await;
    client.batch_execute("SELECT 1").await.unwrap();
    pooler.kill();
    assert!(client.batch_execute("SELECT 1").await.is_err());
    pooler.start_again().unwrap();
    connect(&pooler).await.batch_execute("SELECT 1").await.unwrap();
}

#[test]
fn unknown_program_supports_no_prepared_statements() {
    assert!(!Pooler::supports_prepared_statements(Path::new("/nowhere/pgbouncer")));
}
