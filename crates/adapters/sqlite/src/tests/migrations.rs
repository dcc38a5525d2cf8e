use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use icp_ports::{Health, HealthCheck as _, MigrationError, Migrator as _};

use super::{Fixture, file, open, path};
use crate::connect::Access;

/// Tables of a database of an earlier version, reduced to the columns that the test needs.
const EARLIER: &str = "
    CREATE TABLE __diesel_schema_migrations (
        version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    INSERT INTO __diesel_schema_migrations (version)
        VALUES ('20261124000000'), ('20261124120000'), ('20261124180000'), ('20261125000001');
    CREATE TABLE icps (number INTEGER PRIMARY KEY, document TEXT NOT NULL) STRICT;
    INSERT INTO icps (document) VALUES ('{}');
";

/// The schema and the applied migrations, as text.
fn dump(folder: &tempfile::TempDir) -> Vec<String> {
    let mut connection = file(folder).connect(Access::Read).expect("must connect");
    let schema = diesel::dsl::sql::<Text>("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name");
    schema.load(&mut connection).expect("a schema")
}

#[tokio::test]
async fn database_of_earlier_version_is_refused_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut connection = file(&folder).connect(Access::Write).expect("must connect");
    connection.batch_execute(EARLIER).expect("must write");
    let before = dump(&folder);
    let database = open(path(&folder), 1).await;
    for refused in [database.pending().await.map(drop), database.migrate().await.map(drop)] {
        let Err(MigrationError::Unknown(name)) = refused else { panic!("{refused:?}") };
        assert!(name.starts_with("202611"), "{name}");
    }
    assert_eq!(dump(&folder), before);
}

#[tokio::test]
async fn new_database_is_migrated_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(path(&folder), 1).await;
    assert_eq!(database.health().await, Health::Unavailable, "it has no tables");
    assert_eq!(database.pending().await.expect("names"), ["2026-11-25-000002_icps"]);
    let report = database.migrate().await.expect("must migrate");
    assert_eq!((report.applied, report.created), (vec!["2026-11-25-000002_icps".to_owned()], true));
    assert_eq!(database.health().await, Health::Ok);
    assert!(database.pending().await.expect("names").is_empty());
}

#[tokio::test]
async fn migration_can_be_reverted() {
    let fixture = Fixture::new().await;
    let down = include_str!("../../../../../migrations/sqlite/2026-11-25-000002_icps/down.sql");
    fixture.connect().batch_execute(down).expect("must revert");
    let tables = dump(&fixture.folder);
    assert_eq!(tables.len(), 2, "only diesel's own table and its index are left: {tables:?}");
}

#[tokio::test]
async fn concurrent_processes_migrate_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let path = path(&folder);
        tasks.push(tokio::spawn(async move { open(path, 1).await.migrate().await.expect("must migrate") }));
    }
    let mut created = 0;
    for task in tasks {
        created += usize::from(task.await.expect("no panic").created);
    }
    assert_eq!(created, 1);
}
