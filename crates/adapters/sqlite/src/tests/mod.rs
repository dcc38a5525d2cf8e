//! Tests of the complete adapter, each with a separate file.

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
    /// A database with tables.
    async fn new() -> Self {
        Self::with_readers(2).await
    }

    async fn with_readers(max_connections: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = open(path(&folder), max_connections).await;
        database.migrate().await.expect("must migrate");
        Self { database, folder }
    }

    fn path(&self) -> PathBuf {
        path(&self.folder)
    }

    /// Opens a further connection, as another process would.
    fn connect(&self) -> SqliteConnection {
        self.database.file.connect(Access::Write).expect("must connect")
    }

    /// Opens the same file again.
    async fn reopened(&self) -> SqliteDatabase {
        open(self.path(), 1).await
    }
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("icp.sqlite3")
}

async fn open(path: PathBuf, max_connections: usize) -> SqliteDatabase {
    SqliteDatabase::open(SqliteSettings { path, max_connections }).await.expect("must open")
}

fn file(folder: &TempDir) -> DatabaseFile {
    DatabaseFile::open(&path(folder)).expect("must open")
}

fn id(number: u128) -> IcpId {
    Uuid::from_u128(number).into()
}

fn user(text: &str) -> UserId {
    text.parse().expect("a user ID")
}

/// Every ICP of a user.
fn everything(user_id: &str) -> ListQuery {
    ListQuery::everything(Caller::user(user(user_id)).list_scope())
}

/// An ICP of `user_ada`.
fn icp(number: u128) -> IcpDocument {
    padded_icp(number, "")
}

fn padded_icp(number: u128, padding: &str) -> IcpDocument {
    let text = format!(
        r#"{{"id": "{}", "name": "ICP {number}", "userIds": ["user_ada"], "createdAt": "2024-01-15T10:30:00Z",
            "updatedAt": "2024-01-20T14:22:00Z", "leadProviderCriteria": [], "padding": "{padding}"}}"#,
        id(number)
    );
    Icp::from_json(&text, Rules::Storable).expect("an ICP").into()
}

/// A source of prepared batches.
struct Ready(Vec<Vec<IcpDocument>>);

#[async_trait]
impl ImportSource for Ready {
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError> {
        Ok(self.0.pop())
    }
}
