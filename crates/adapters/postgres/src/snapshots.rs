//! Which versions of lists are known to be the present ones, as long as nobody has written.
//!
//! What a statement sees is settled by its snapshot: which transactions had ended when it began. Two statements of one server
//! with the same snapshot therefore see the same. So whoever has read the version of a list together with the snapshot, or
//! after it, need not read it again while the snapshot is the same, and that is told by the server, in every statement. Any
//! write, of whatever table, gives those after it another snapshot.

use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Nullable, Text};
use icp_domain::UserId;
use icp_ports::{KnownVersions, ListVersion};

use crate::connection::Connection;
use crate::error::QueryError;
use crate::statements::prepared_once;

/// The snapshot of a statement, in SQL. On a standby, where it does not say all, there is none.
macro_rules! snapshot {
    () => {
        "SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_snapshot()::text END"
    };
}
pub(crate) use snapshot;

/// The snapshot alone.
#[derive(Debug, Default)]
struct Snapshot<'a>(PhantomData<&'a ()>);

prepared_once!(Snapshot -> Nullable<Text>);

impl QueryFragment<Pg> for Snapshot<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(snapshot!());
        Ok(())
    }
}

/// The snapshot at this moment, where there is one.
pub(crate) async fn snapshot_of(connection: &Connection) -> Result<Option<String>, QueryError> {
    let row = connection.first(&Snapshot::default()).await?;
    Ok(row.map(|row| row.try_get::<_, Option<String>>(0)).transpose()?.flatten())
}

/// What is known of the server that a connection leads to.
#[derive(Default)]
pub(crate) struct Seen(Mutex<KnownVersions<String>>);

impl Seen {
    fn lock(&self) -> MutexGuard<'_, KnownVersions<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The snapshot and what is known in it of these users, in their order, if it is known of all of them.
    pub(crate) fn of(&self, members: &[&UserId]) -> Option<(String, Vec<ListVersion>)> {
        let known = self.lock();
        let versions: Option<_> = members.iter().map(|member| known.of(member)).collect();
        Some((known.state()?.clone(), versions?))
    }

    /// What is known of a user in this snapshot.
    pub(crate) fn in_snapshot(&self, snapshot: &String, member: &UserId) -> Option<ListVersion> {
        let known = self.lock();
        known.of(member).filter(|_| known.state() == Some(snapshot))
    }

    /// Notes what was seen in this snapshot, or after it.
    pub(crate) fn note<'a>(
        &self,
        snapshot: &String,
        seen: impl IntoIterator<Item = (&'a UserId, ListVersion)>,
    ) {
        let mut known = self.lock();
        for (member, version) in seen {
            known.note(snapshot, member, version);
        }
    }
}
