//! A role that may only read and write, and another role that migrates.

use icp_ports::Migrator as _;
use icp_test_postgres::Server;

use crate::support::{count, database, migrated, store};

const GRANTS: &str = "
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT SELECT, INSERT, UPDATE, DELETE ON icps, icp_members, idempotency_keys, icp_revisions, deleted_icp_users TO guest;
    GRANT SELECT ON __diesel_schema_migrations TO guest;";

#[tokio::test(flavor = "multi_thread")]
async fn serving_role_needs_no_right_to_create_tables() {
    let server = Server::start().expect("must start");
    server.execute("CREATE ROLE guest LOGIN").expect("must be made");
    let guest = database(&server.url("postgres").replace("icp@", "guest@"));
    assert!(!guest.pending().await.expect("must read").is_empty(), "nothing is there");

    migrated(&server.url("postgres")).await;
    server.execute(GRANTS).expect("must be granted");
    assert!(guest.pending().await.expect("must read").is_empty(), "everything is there");
    store(&guest, 1, "user_ada").await.expect("must write");
    assert_eq!(count(&guest, "user_ada").await.expect("must read"), 1);
    guest.migrate().await.expect_err("the role must not migrate");
}
