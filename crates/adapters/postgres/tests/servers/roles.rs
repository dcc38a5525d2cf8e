//! A service whose role may read and write rows, but may not create tables.

use icp_ports::Migrator as _;
use icp_test_postgres::Server;

use crate::support::{count_icps, database, migrated_database, store_icp};

const GRANT_READS_AND_WRITES: &str = "
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT SELECT, INSERT, UPDATE, DELETE ON icps, icp_members, idempotency_keys, icp_revisions, deleted_icp_users TO guest;
    GRANT SELECT ON __diesel_schema_migrations TO guest;";

#[tokio::test(flavor = "multi_thread")]
async fn service_needs_no_right_to_create_tables() {
    let server = Server::start().expect("the server must start");
    server.execute("CREATE ROLE guest LOGIN").expect("the role must be created");
    let guest = database(&server.url("postgres").replace("icp@", "guest@"));
    assert!(
        !guest.pending().await.expect("the migrations must be read").is_empty(),
        "migrations must be pending before the migration"
    );

    let refused = guest.migrate().await;
    assert!(refused.is_err(), "the role must not create tables: {refused:?}");

    migrated_database(&server.url("postgres")).await;
    server.execute(GRANT_READS_AND_WRITES).expect("the privileges must be granted");
    assert!(
        guest.pending().await.expect("the migrations must be read").is_empty(),
        "the migration must leave no pending migrations"
    );
    store_icp(&guest, 1, "user_ada").await.expect("the ICP must be stored");
    assert_eq!(count_icps(&guest, "user_ada").await.expect("the list must be read"), 1);
    let report = guest.migrate().await.expect("the migration must find nothing to do");
    assert!(report.applied.is_empty(), "{report:?}");
}
