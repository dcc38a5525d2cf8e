use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use icp_ports::{Health, HealthCheck as _, MigrationError, Migrator as _};

use super::{Fixture, file, open, path};
use crate::connect::Access;

/// SQL that creates a database of an earlier version. It has only the tables and columns that the test needs.
const EARLIER_SCHEMA: &str = "
    CREATE TABLE __diesel_schema_migrations (
        version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    INSERT INTO __diesel_schema_migrations (version)
        VALUES ('20261124000000'), ('20261124120000'), ('20261124180000'), ('20261125000001');
    CREATE TABLE icps (number INTEGER PRIMARY KEY, document TEXT NOT NULL) STRICT;
    INSERT INTO icps (document) VALUES ('{}');
";

/// Returns the SQL of all tables and indexes.
fn dump_schema(folder: &tempfile::TempDir) -> Vec<String> {
    let mut connection = file(folder).connect(Access::Read).expect("the connection must be opened");
    let schema = diesel::dsl::sql::<Text>("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name");
    schema.load(&mut connection).expect("the schema must be read")
}

#[tokio::test]
async fn database_of_earlier_version_is_refused_unchanged() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let mut connection = file(&folder).connect(Access::Write).expect("the connection must be opened");
    connection.batch_execute(EARLIER_SCHEMA).expect("the statement must succeed");
    let before = dump_schema(&folder);
    let database = open(path(&folder), 1).await;
    for result in [database.pending().await.map(drop), database.migrate().await.map(drop)] {
        let Err(MigrationError::Unknown(name)) = result else { panic!("{result:?}") };
        assert!(name.starts_with("202611"), "{name}");
    }
    assert_eq!(dump_schema(&folder), before);
}

#[tokio::test]
async fn new_database_is_migrated_once() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let database = open(path(&folder), 1).await;
    assert_eq!(database.health().await, Health::Unavailable, "a database without tables must be unavailable");
    assert_eq!(database.pending().await.expect("the migrations must be read"), ["2026-11-25-000002_icps"]);
    let report = database.migrate().await.expect("the migration must succeed");
    assert_eq!((report.applied, report.created), (vec!["2026-11-25-000002_icps".to_owned()], true));
    assert_eq!(database.health().await, Health::Ok);
    assert!(database.pending().await.expect("the migrations must be read").is_empty());
}

#[tokio::test]
async fn migration_can_be_reverted() {
    let fixture = Fixture::new().await;
    let down = include_str!("../../../../../migrations/sqlite/2026-11-25-000002_icps/down.sql");
    fixture.connect().batch_execute(down).expect("the migration must be reverted");
    let tables = dump_schema(&fixture.folder);
    assert_eq!(tables.len(), 2, "only diesel's own table and its index must be left: {tables:?}");
}

#[tokio::test]
async fn concurrent_processes_migrate_once() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let path = path(&folder);
        tasks.push(tokio::spawn(async move {
            open(path, 1).await.migrate().await.expect("the migration must succeed")
        }));
    }
    let mut created = 0;
    for task in tasks {
        created += usize::from(task.await.expect("the task must not panic").created);
    }
    assert_eq!(created, 1);
}
