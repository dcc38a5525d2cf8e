//! What a server says of its state: it differs after every write.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::TryStreamExt as _;

use crate::row::{column, text};
use crate::write::prepared_once;

/// The snapshot of a statement, and the server that it belongs to.
///
/// A statement sees what its snapshot says: the transactions that had ended when it began. Two statements of one server
/// with the same snapshot therefore see the same data. The start time tells servers apart: behind a pooler, a connection
/// can lead to another server all of a sudden, whose snapshots mean something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerState {
    snapshot: String,
    started: i64,
}

/// Asks for the state. `None` if it does not tell all: a standby's snapshot does not list every transaction.
pub(crate) async fn server_state(mut connection: &AsyncPgConnection) -> QueryResult<Option<ServerState>> {
    let mut rows = AsyncConnectionCore::load(&mut connection, Question::default()).await?;
    let Some(row) = rows.try_next().await? else { return Ok(None) };
    let snapshot = text(&row, 0, |text| text.unwrap_or_default().to_owned())?;
    Ok(Some(ServerState { snapshot, started: column::<BigInt, _>(&row, 1)? }))
}

#[derive(Debug, Default)]
struct Question<'a>(std::marker::PhantomData<&'a ()>);

prepared_once!(Question -> (Text, BigInt));

impl QueryFragment<Pg> for Question<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // What is made of PostgreSQL and has its data on several servers names itself: YugabyteDB in the number.
        out.push_sql(
            "SELECT pg_current_snapshot()::text, (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint \
             WHERE NOT pg_is_in_recovery() AND version() ~ '^PostgreSQL [0-9.]+(beta|rc|devel)?[0-9]* ' \
             AND version() !~ 'Greenplum' AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')",
        );
        Ok(())
    }
}
