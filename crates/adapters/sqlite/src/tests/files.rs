use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use icp_domain::{ChangedFields, Operation};
use icp_ports::{
    Health, HealthCheck as _, IcpReader as _, IcpRepository as _, Migrator as _, RepositoryError,
};
use icp_testkit::fixtures::{any_creator, stamp_without_history};

use super::{Fixture, everything, file, icp, open, path};
use crate::connect::{Access, enter_wal_mode};
use crate::write::{Entry, RowOrigin};
use crate::{SqliteDatabase, SqliteSettings};

#[tokio::test]
async fn only_owner_can_read_files() {
    let fixture = Fixture::new().await;
    fixture.database.insert(&icp(1), any_creator(), None).await.expect("the ICP must be inserted");
    let mut names = Vec::new();
    for entry in fs::read_dir(&fixture.folder).expect("the folder must be readable") {
        let entry = entry.expect("the folder entry must be readable");
        let name = entry.file_name().into_string().expect("the name must be UTF-8");
        assert_eq!(
            entry.metadata().expect("the metadata must be readable").permissions().mode() & 0o777,
            0o600,
            "{name}"
        );
        names.push(name);
    }
    names.sort_unstable();
    assert_eq!(names, ["icp.sqlite3", "icp.sqlite3-shm", "icp.sqlite3-wal"]);
}

#[tokio::test]
async fn path_may_contain_special_url_characters() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    for name in ["50%41?mode=memory#x", ":memory:", "file:x", "\u{fc}\u{1f600} "] {
        let path = folder.path().join("new folder").join(name);
        open(path.clone(), 1).await.migrate().await.expect("the migration must succeed");
        assert!(fs::metadata(&path).expect("the file must exist").len() > 0, "{name}");
    }
}

#[tokio::test]
async fn error_for_unusable_file_has_reason() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    fs::write(path(&folder), "This file is not a database. ".repeat(10)).expect("the file must be written");
    fs::create_dir(folder.path().join("folder")).expect("the folder must be created");
    for (name, reason) in [("icp.sqlite3", "file is not a database"), ("folder", "Is a directory")] {
        let settings = SqliteSettings { path: folder.path().join(name), max_connections: 1 };
        let error =
            SqliteDatabase::open(settings).await.expect_err("opening the database must fail").to_string();
        assert!(error.contains(reason) && error.contains(name), "{error}");
    }
}

#[test]
fn refused_wal_mode_is_an_error() {
    let mut in_memory = SqliteConnection::establish(":memory:").expect("the database must be opened");
    let error =
        enter_wal_mode(&mut in_memory).expect_err("an in-memory database must refuse WAL mode").to_string();
    assert!(error.contains("stays in the mode `memory`"), "{error}");
}

#[test]
fn large_journal_is_truncated() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let mut connection = file(&folder).connect(Access::Write).expect("the connection must be opened");
    let journal = folder.path().join("icp.sqlite3-wal");
    let journal_mebibytes = || fs::metadata(&journal).expect("the file must exist").len() >> 20;
    let insert = "INSERT INTO large VALUES (randomblob(20000000))";
    connection
        .batch_execute(&format!("CREATE TABLE large (value); {insert}"))
        .expect("the statement must succeed");
    assert!(journal_mebibytes() >= 19, "the journal must grow to 19 MiB; it has {} MiB", journal_mebibytes());
    connection.batch_execute("INSERT INTO large VALUES (1)").expect("the statement must succeed");
    assert_eq!(journal_mebibytes(), 16, "the journal must be truncated to 16 MiB");
}

#[tokio::test]
async fn reading_connections_cannot_write() {
    let fixture = Fixture::new().await;
    let write = fixture.database.readers.run(|job| {
        job.session.connection.batch_execute("DELETE FROM icps")?;
        Ok(())
    });
    let written = write.await;
    assert!(matches!(written, Err(RepositoryError::Backend(_))), "{written:?}");
    let mut connection = fixture.database.file.connect(Access::Read).expect("the connection must be opened");
    let deleted = connection.batch_execute("DELETE FROM icps");
    assert!(deleted.is_err(), "a connection for reads must refuse a write");
}

#[tokio::test]
async fn deleted_file_is_unavailable_until_restored() {
    let fixture = Fixture::new().await;
    let (database, moved_path) = (&fixture.database, fixture.folder.path().join("moved"));
    database.insert(&icp(1), any_creator(), None).await.expect("the ICP must be inserted");
    fs::rename(fixture.path(), &moved_path).expect("the file must be moved");
    assert_file_is_lost(&fixture, "cannot be found").await;
    assert!(!fixture.path().exists(), "the file must not be created again");

    fs::rename(&moved_path, fixture.path()).expect("the file must be moved back");
    assert_eq!(database.health().await, Health::Ok);
    database.insert(&icp(3), any_creator(), None).await.expect("the ICP must be inserted");
    assert_eq!(database.list(&everything("user_ada")).await.expect("the list must be read").icps.len(), 2);
}

#[tokio::test]
async fn replaced_file_is_unavailable() {
    let (fixture, other_fixture) = (Fixture::new().await, Fixture::new().await);
    fixture.database.insert(&icp(1), any_creator(), None).await.expect("the ICP must be inserted");
    other_fixture
        .connect()
        .batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("the statement must succeed");
    fs::copy(other_fixture.path(), fixture.folder.path().join("new")).expect("the file must be copied");
    fs::rename(fixture.folder.path().join("new"), fixture.path()).expect("the file must be moved");
    assert_file_is_lost(&fixture, "was replaced").await;
}

/// Checks that reads, writes, migrations and the health check fail because the database file was deleted or replaced.
async fn assert_file_is_lost(fixture: &Fixture, reason: &str) {
    let database = &fixture.database;
    assert_eq!(database.health().await, Health::Unavailable);
    let errors = [
        database
            .insert(&icp(2), any_creator(), None)
            .await
            .expect_err("calls must fail after the file was lost"),
        database.list(&everything("user_ada")).await.expect_err("calls must fail after the file was lost"),
    ];
    for error in errors {
        let RepositoryError::Unavailable(source) = error else { panic!("{error:?}") };
        assert!(source.to_string().contains(reason), "{source}");
    }
    assert!(database.migrate().await.is_err(), "a migration must fail after the file was lost");
}

#[tokio::test]
async fn write_is_rolled_back_if_file_was_moved() {
    let fixture = Fixture::new().await;
    let (path, moved_path) = (fixture.path(), fixture.folder.path().join("away"));
    let paths = (path.clone(), moved_path.clone());
    let write = fixture.database.write(move |connection| {
        let (operation, changed) = (Operation::Create, &ChangedFields::default());
        let entry = Entry { stamp: stamp_without_history(), operation, changed };
        crate::write::insert(connection, &icp(1), &RowOrigin::default(), entry)?;
        fs::rename(&paths.0, &paths.1).expect("the file must be moved");
        Ok(())
    });
    let written = write.await;
    assert!(matches!(written, Err(RepositoryError::Unavailable(_))), "{written:?}");
    fs::rename(&moved_path, &path).expect("the file must be moved back");
    assert!(
        fixture.database.list(&everything("user_ada")).await.expect("the list must be read").icps.is_empty()
    );
}
