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
use crate::write::{Entry, Predecessor};
use crate::{SqliteDatabase, SqliteSettings};

#[tokio::test]
async fn only_owner_can_read_files() {
    let fixture = Fixture::new().await;
    fixture.database.insert(&icp(1), any_creator(), None).await.expect("must insert");
    let mut names = Vec::new();
    for entry in fs::read_dir(&fixture.folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name");
        assert_eq!(entry.metadata().expect("metadata").permissions().mode() & 0o777, 0o600, "{name}");
        names.push(name);
    }
    names.sort_unstable();
    assert_eq!(names, ["icp.sqlite3", "icp.sqlite3-shm", "icp.sqlite3-wal"]);
}

#[tokio::test]
async fn path_may_contain_url_characters() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["50%41?mode=memory#x", ":memory:", "file:x", "\u{fc}\u{1f600} "] {
        let path = folder.path().join("new folder").join(name);
        open(path.clone(), 1).await.migrate().await.expect("must migrate");
        assert!(fs::metadata(&path).expect("must exist").len() > 0, "{name}");
    }
}

#[tokio::test]
async fn unusable_file_is_refused_with_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(path(&folder), "This is text, and no database. ".repeat(10)).expect("must write");
    fs::create_dir(folder.path().join("folder")).expect("must create");
    for (name, reason) in [("icp.sqlite3", "file is not a database"), ("folder", "Is a directory")] {
        let settings = SqliteSettings { path: folder.path().join(name), max_connections: 1 };
        let error = SqliteDatabase::open(settings).await.expect_err("must be refused").to_string();
        assert!(error.contains(reason) && error.contains(name), "{error}");
    }
}

#[test]
fn refused_wal_mode_is_an_error() {
    let mut in_memory = SqliteConnection::establish(":memory:").expect("must open");
    let error = enter_wal_mode(&mut in_memory).expect_err("must have no WAL mode").to_string();
    assert!(error.contains("stays in the mode `memory`"), "{error}");
}

#[test]
fn large_journal_is_truncated() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut connection = file(&folder).connect(Access::Write).expect("must connect");
    let journal = folder.path().join("icp.sqlite3-wal");
    let journal_mebibytes = || fs::metadata(&journal).expect("must exist").len() >> 20;
    let insert = "INSERT INTO large VALUES (randomblob(20000000))";
    connection.batch_execute(&format!("CREATE TABLE large (value); {insert}")).expect("must write");
    assert!(journal_mebibytes() >= 19, "it grew to {} MiB", journal_mebibytes());
    connection.batch_execute("INSERT INTO large VALUES (1)").expect("must write");
    assert_eq!(journal_mebibytes(), 16);
}

#[tokio::test]
async fn reading_connections_cannot_write() {
    let fixture = Fixture::new().await;
    let write = fixture.database.readers.run(|job| {
        job.session.connection.batch_execute("DELETE FROM icps")?;
        Ok(())
    });
    assert!(matches!(write.await, Err(RepositoryError::Backend(_))));
    let mut connection = fixture.database.file.connect(Access::Read).expect("must connect");
    assert!(connection.batch_execute("DELETE FROM icps").is_err());
}

#[tokio::test]
async fn deleted_file_is_unavailable_until_restored() {
    let fixture = Fixture::new().await;
    let (database, away) = (&fixture.database, fixture.folder.path().join("away"));
    database.insert(&icp(1), any_creator(), None).await.expect("must insert");
    fs::rename(fixture.path(), &away).expect("must move");
    assert_lost(&fixture, "cannot be found").await;
    assert!(!fixture.path().exists(), "it is not created again");

    fs::rename(&away, fixture.path()).expect("must move back");
    assert_eq!(database.health().await, Health::Ok);
    database.insert(&icp(3), any_creator(), None).await.expect("must insert");
    assert_eq!(database.list(&everything("user_ada")).await.expect("a list").icps.len(), 2);
}

#[tokio::test]
async fn replaced_file_is_unavailable() {
    let (fixture, other) = (Fixture::new().await, Fixture::new().await);
    fixture.database.insert(&icp(1), any_creator(), None).await.expect("must insert");
    other.connect().batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").expect("must write");
    fs::copy(other.path(), fixture.folder.path().join("new")).expect("must copy");
    fs::rename(fixture.folder.path().join("new"), fixture.path()).expect("must move");
    assert_lost(&fixture, "was replaced").await;
}

async fn assert_lost(fixture: &Fixture, reason: &str) {
    let database = &fixture.database;
    assert_eq!(database.health().await, Health::Unavailable);
    let errors = [
        database.insert(&icp(2), any_creator(), None).await.expect_err("must be lost"),
        database.list(&everything("user_ada")).await.expect_err("must be lost"),
    ];
    for error in errors {
        let RepositoryError::Unavailable(source) = error else { panic!("{error:?}") };
        assert!(source.to_string().contains(reason), "{source}");
    }
    assert!(database.migrate().await.is_err());
}

#[tokio::test]
async fn write_is_rolled_back_if_file_vanishes() {
    let fixture = Fixture::new().await;
    let (path, away) = (fixture.path(), fixture.folder.path().join("away"));
    let moves = (path.clone(), away.clone());
    let write = fixture.database.write(move |connection| {
        let (operation, changed) = (Operation::Create, &ChangedFields::default());
        let entry = Entry { stamp: stamp_without_history(), operation, changed };
        crate::write::insert(connection, &icp(1), &Predecessor::default(), entry)?;
        fs::rename(&moves.0, &moves.1).expect("must move");
        Ok(())
    });
    assert!(matches!(write.await, Err(RepositoryError::Unavailable(_))));
    fs::rename(&away, &path).expect("must move back");
    assert!(fixture.database.list(&everything("user_ada")).await.expect("a list").icps.is_empty());
}
