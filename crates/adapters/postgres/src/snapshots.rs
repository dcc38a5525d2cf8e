//! Which versions of lists are known to be the present ones, as long as nobody has written.
//!
//! What a statement sees is settled by its snapshot: which transactions had ended when it began. Two statements of one server
//! with the same snapshot therefore see the same. So whoever has read the version of a list after the snapshot need not read
//! it again while the snapshot is the same, and that is told by the server, in every statement. Any write, of whatever table,
//! gives those after it another snapshot.

use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Nullable, Text};
use icp_domain::UserId;
use icp_ports::{KnownVersions, ListVersion};
use tokio_postgres::Client;

use crate::connection::Connection;
use crate::error::QueryError;
use crate::statements::prepared_once;

/// What is known of the server that a connection leads to.
#[derive(Default)]
pub(crate) struct Seen(Mutex<KnownVersions<String>>);

impl Seen {
    fn lock(&self) -> MutexGuard<'_, KnownVersions<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of these users in a snapshot, in their order, if it is known of all of them.
    fn of(&self, snapshot: &String, members: &[&UserId]) -> Option<Vec<Option<ListVersion>>> {
        let known = self.lock();
        (known.state() == Some(snapshot)).then_some(())?;
        members.iter().map(|member| known.of(member).map(Some)).collect()
    }

    fn note(&self, snapshot: &String, members: &[&UserId], versions: &[Option<ListVersion>]) {
        let mut known = self.lock();
        for (member, version) in members.iter().zip(versions) {
            if let Some(version) = version {
                known.note(snapshot, member, *version);
            }
        }
    }
}

/// The versions of the lists of these users: those that are known, if they still hold, and otherwise what is read.
pub(crate) async fn known_or_read(
    connection: &Connection,
    members: &[&UserId],
    read: impl Future<Output = Result<Vec<Option<ListVersion>>, QueryError>>,
) -> Result<Vec<Option<ListVersion>>, QueryError> {
    let Some(seen) = connection.seen() else { return read.await };
    let row = connection.first(&Snapshot::default()).await?;
    let snapshot = row.map(|row| row.try_get::<_, Option<String>>(0)).transpose()?.flatten();
    let Some(snapshot) = snapshot else { return read.await };
    if let Some(versions) = seen.of(&snapshot, members) {
        return Ok(versions);
    }
    let versions = read.await?;
    seen.note(&snapshot, members, &versions);
    Ok(versions)
}

/// The snapshot of this statement; none on a standby, to which a pooler may lead all of a sudden.
#[derive(Debug, Default)]
struct Snapshot<'a>(PhantomData<&'a ()>);

prepared_once!(Snapshot -> Nullable<Text>);

impl QueryFragment<Pg> for Snapshot<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_snapshot()::text END");
        Ok(())
    }
}

/// Whether a server's snapshots say all: every write has a transaction of its own there. Not so on a standby, which does not
/// list all of them, and where the data is spread over several servers.
pub(crate) async fn say_all(client: &Client) -> bool {
    let question =
        "SELECT version(), pg_is_in_recovery() OR EXISTS (SELECT FROM pg_extension WHERE extname = 'citus'),
        pg_current_snapshot()::text";
    match client.query_one(question, &[]).await {
        Ok(row) => is_postgresql(row.get(0)) && !row.get::<_, bool>(1),
        // It is none that knows snapshots.
        Err(_) => false,
    }
}

/// Whether it is PostgreSQL itself, and no other that speaks as it does.
fn is_postgresql(version: &str) -> bool {
    let number = version.strip_prefix("PostgreSQL ").and_then(|rest| rest.split(' ').next());
    // `15.18`, `18beta1`; what is made of it says more: `15.12-YB-2025.1`.
    let is_plain = number.is_some_and(|number| number.chars().all(|c| c.is_ascii_alphanumeric() || c == '.'));
    is_plain && !version.contains("Greenplum")
}

#[cfg(test)]
mod tests {
    use icp_testkit::fixtures::user;

    use super::{Seen, is_postgresql, say_all};
    use crate::explain::migrated;

    #[test]
    fn what_is_known_is_known_of_one_snapshot_and_of_all_who_are_asked_for() {
        let (seen, ada, bob) = (Seen::default(), user("user_ada"), user("user_bob"));
        let (before, after) = ("5:5:".to_owned(), "5:6:".to_owned());
        assert_eq!(seen.of(&before, &[&ada]), None);
        seen.note(&before, &[&ada, &bob], &[Some(1.into()), None]);
        assert_eq!(seen.of(&before, &[&ada]), Some(vec![Some(1.into())]));
        assert_eq!(seen.of(&before, &[&ada, &bob]), None, "his list was too long");
        assert_eq!(seen.of(&after, &[&ada]), None);
    }

    #[tokio::test]
    async fn those_of_postgresql_say_all() {
        let (client, _kept) = migrated().await;
        assert!(say_all(&client).await);
    }

    #[test]
    fn those_of_others_do_not() {
        for (version, expected) in [
            ("PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc", true),
            ("PostgreSQL 18beta1 on x86_64-pc-linux-gnu, compiled by gcc", true),
            ("PostgreSQL 13.4 on aarch64-apple-darwin", true),
            ("PostgreSQL 15.12-YB-2025.1.0.0-b0 on x86_64-pc-linux-gnu, compiled by clang", false),
            ("CockroachDB CCL v26.1.0 (x86_64-pc-linux-gnu)", false),
            ("PostgreSQL 12.12 (Greenplum Database 7.1.0 build commit:abc) on x86_64", false),
            ("", false),
        ] {
            assert_eq!(is_postgresql(version), expected, "{version}");
        }
    }
}
