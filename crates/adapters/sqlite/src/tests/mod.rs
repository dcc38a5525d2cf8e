//! Tests of the complete adapter. Each test has its own database file.

mod files;
mod imports;
mod lists;
mod migrations;
mod threads;
mod writes;

use std::path::PathBuf;

use async_trait::async_trait;
use diesel::SqliteConnection;
use icp_domain::{Caller, Icp, IcpDocument, IcpId, Rules, UserId};
use icp_ports::{BoxError, ImportSource, ListQuery, Migrator as _};
use tempfile::TempDir;
use uuid::Uuid;

use crate::connect::{Access, DatabaseFile};
use crate::{SqliteDatabase, SqliteSettings};

/// A database in a separate folder.
struct Fixture {
    database: SqliteDatabase,
    folder: TempDir,
}

impl Fixture {
    /// Creates a database with all tables.
    async fn new() -> Self {
        Self::with_readers(2).await
    }

    async fn with_readers(max_connections: usize) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder must be created");
        let database = open(path(&folder), max_connections).await;
        database.migrate().await.expect("the migration must succeed");
        Self { database, folder }
    }

    fn path(&self) -> PathBuf {
        path(&self.folder)
    }

    /// Opens a separate connection, which behaves like a connection of another process.
    fn connect(&self) -> SqliteConnection {
        self.database.file.connect(Access::Write).expect("the connection must be opened")
    }

    /// Opens the same file a second time.
    async fn reopen(&self) -> SqliteDatabase {
        open(self.path(), 1).await
    }
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("icp.sqlite3")
}

async fn open(path: PathBuf, max_connections: usize) -> SqliteDatabase {
    SqliteDatabase::open(SqliteSettings { path, max_connections }).await.expect("the database must be opened")
}

fn file(folder: &TempDir) -> DatabaseFile {
    DatabaseFile::open(&path(folder)).expect("the database must be opened")
}

fn id(number: u128) -> IcpId {
    Uuid::from_u128(number).into()
}

fn user(text: &str) -> UserId {
    text.parse().expect("the user ID must be valid")
}

/// Returns the query for all ICPs of a user.
fn everything(user_id: &str) -> ListQuery {
    ListQuery::everything(Caller::user(user(user_id)).list_scope())
}

/// Returns an ICP of `user_ada`.
fn icp(number: u128) -> IcpDocument {
    padded_icp(number, "")
}

fn padded_icp(number: u128, padding: &str) -> IcpDocument {
    let text = format!(
        r#"{{"id": "{}", "name": "ICP {number}", "userIds": ["user_ada"], "createdAt": "2024-01-15T10:30:00Z",
            "updatedAt": "2024-01-20T14:22:00Z", "leadProviderCriteria": [], "padding": "{padding}"}}"#,
        id(number)
    );
    Icp::from_json(&text, Rules::Storable).expect("the document must be an ICP").into()
}

/// A source that returns the given batches, the last one first.
struct BatchSource(Vec<Vec<IcpDocument>>);

#[async_trait]
impl ImportSource for BatchSource {
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError> {
        Ok(self.0.pop())
    }
}
