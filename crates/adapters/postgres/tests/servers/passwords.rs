//! A password file that changes while the service runs.

use icp_postgres::{PostgresDatabase, PostgresSettings};
use icp_test_postgres::Server;

use crate::support::{count_icps, migrated_database, wait_until, with_causes};

#[tokio::test(flavor = "multi_thread")]
async fn password_file_is_read_for_each_connection() {
    let server = Server::start().expect("the server must start");
    migrated_database(&server.url("postgres")).await;
    server.execute("CREATE ROLE guest LOGIN PASSWORD 'first password'").expect("the role must be created");
    server
        .execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO guest")
        .expect("the privileges must be granted");
    server.require_passwords().expect("the server must require passwords");

    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let file = folder.path().join("password");
    std::fs::write(&file, "first password\n").expect("the file must be written");
    let url = server.url("postgres").replace("icp@", "guest@");
    let without_password = PostgresSettings::new(url);
    let settings = PostgresSettings { password_file: Some(file.clone()), ..without_password.clone() };
    let database = |settings| PostgresDatabase::new(settings).expect("the URL must be valid");
    // The server applies its new configuration some time after the call.
    wait_until("the server requires passwords", async || {
        count_icps(&database(&without_password), "user_ada").await.is_err()
    })
    .await;
    let database = database(&settings);
    assert_eq!(
        count_icps(&database, "user_ada").await.expect("the client must connect with the first password"),
        0
    );

    server.execute("ALTER ROLE guest PASSWORD 'second password'").expect("the role must be changed");
    std::fs::write(&file, "second password").expect("the file must be written");
    let terminate_connections =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guest'";
    server.execute(terminate_connections).expect("the connections must be terminated");
    assert_eq!(
        count_icps(&database, "user_ada").await.expect("the client must connect with the second password"),
        0
    );

    std::fs::remove_file(&file).expect("the file must be removed");
    server.execute(terminate_connections).expect("the connections must be terminated");
    let error = with_causes(
        &count_icps(&database, "user_ada").await.expect_err("the read must fail without a password"),
    );
    assert!(error.contains("password file") && !error.contains("second password"), "{error}");
}
