//! A password file that changes while the service runs.

use std::time::Duration;

use icp_postgres::{Limits, PostgresDatabase, PostgresSettings};
use icp_test_postgres::Server;

use crate::support::{count, eventually, migrated, with_causes};

#[tokio::test(flavor = "multi_thread")]
async fn password_file_is_read_for_each_connection() {
    let server = Server::start().expect("must start");
    migrated(&server.url("postgres")).await;
    server.execute("CREATE ROLE guest LOGIN PASSWORD 'first one'").expect("must be made");
    server.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO guest").expect("must be granted");
    server.require_passwords().expect("must require passwords");

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    std::fs::write(&file, "first one\n").expect("must be written");
    let limits = Limits { connection_lifetime: Duration::from_millis(50), ..Limits::default() };
    let url = server.url("postgres").replace("icp@", "guest@");
    let settings =
        PostgresSettings { password_file: Some(file.clone()), limits, ..PostgresSettings::new(url) };
    let database = PostgresDatabase::new(&settings).expect("a URL");
    eventually("it signs in", async || count(&database, "user_ada").await.is_ok()).await;

    server.execute("ALTER ROLE guest PASSWORD 'second one'").expect("must be changed");
    std::fs::write(&file, "second one").expect("must be written");
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guest'";
    server.execute(others).expect("they must end");
    assert_eq!(count(&database, "user_ada").await.expect("the new password must be valid"), 0);

    std::fs::remove_file(&file).expect("must be removed");
    server.execute(others).expect("they must end");
    let error = with_causes(&count(&database, "user_ada").await.expect_err("there is no password"));
    assert!(error.contains("password file") && !error.contains("second one"), "{error}");
}
