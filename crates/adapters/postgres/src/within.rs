//! A part of a list that ends after so many bytes.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;

/// The first rows of a query in its order, up to the one whose document reaches so many bytes with those before it.
///
/// The query gives the length of each document in its place: it is known without the document, of which only those that are
/// wanted are read.
#[derive(Debug)]
pub(crate) struct Within<Q> {
    rows: Q,
    max_bytes: i64,
}

impl<Q> Within<Q> {
    pub(crate) fn new(rows: Q, max_bytes: usize) -> Self {
        Self { rows, max_bytes: i64::try_from(max_bytes).unwrap_or(i64::MAX) }
    }
}

/// Its text depends on the query's.
impl<Q> QueryId for Within<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Within<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        // Neither the window nor the filter changes the order that the rows have. Documents are looked up when that is over:
        // PostgreSQL would keep all of them for the window, and beyond its `work_mem` on the disk.
        out.push_sql(
            "SELECT id, version, (SELECT document FROM icps WHERE icps.id = measured.id), created_at, updated_at, name_folded \
             FROM (SELECT wanted.*, sum(length) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM (",
        );
        self.rows.walk_ast(out.reborrow())?;
        out.push_sql(
            ") AS wanted (id, version, length, created_at, updated_at, name_folded)) AS measured \
             WHERE coalesce(before, 0) < ",
        );
        out.push_bind_param::<BigInt, _>(&self.max_bytes)?;
        Ok(())
    }
}
