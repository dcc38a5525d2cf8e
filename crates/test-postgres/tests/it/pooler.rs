//! The pooler in each of its modes.

use std::path::{Path, PathBuf};

use icp_test_postgres::{PoolMode, Pooler, Server};
use tokio_postgres::{Client, NoTls};

const STATEMENT: &str = "SELECT $1::int8 + 1";

fn pgbouncer() -> PathBuf {
    let named = std::env::var_os("ICP_TEST_PGBOUNCER").map(PathBuf::from);
    let usual = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().map(PathBuf::from);
    let found = named.into_iter().chain(usual).find(|program| program.is_file());
    found.expect("PgBouncer is not installed: run `cargo xtask test --all`, or set ICP_TEST_PGBOUNCER")
}

async fn connect(pooler: &Pooler) -> Client {
    let (client, connection) = tokio_postgres::connect(&pooler.url("postgres"), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Runs a prepared statement of each of three clients, in turns, over two connections to the server.
async fn run_prepared_statements(pooler: &Pooler) -> Result<(), tokio_postgres::Error> {
    let mut clients = Vec::new();
    for _ in 0..3 {
        let client = connect(pooler).await;
        let statement = client.prepare(STATEMENT).await?;
        clients.push((client, statement));
    }
    for round in 0..5_i64 {
        for (client, statement) in &clients {
            let answer: i64 = client.query_one(statement, &[&round]).await?.get(0);
            assert_eq!(answer, round + 1);
        }
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn session_mode_keeps_prepared_statements() {
    let server = Server::start().unwrap();
    let pooler = Pooler::start_with(&pgbouncer(), server.port(), 3, PoolMode::Session).unwrap();
    run_prepared_statements(&pooler).await.unwrap();
}

#[tokio::test]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn transaction_mode_keeps_prepared_statements_since_1_21() {
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
