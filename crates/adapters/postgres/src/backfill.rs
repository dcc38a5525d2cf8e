//! Columns that came later, filled for what was stored before.

use diesel::{Connection as _, ExpressionMethods as _, QueryDsl as _, QueryResult, RunQueryDsl as _};
use icp_domain::{Icp, IcpDocument, Rules};
use uuid::Uuid;

use crate::migrations::SyncConnection;
use crate::schema::icps;

/// Documents that are read at once.
const BATCH: i64 = 500;

/// Fills what lists are searched and sorted by, a batch at a time. Instances of an older version that are still at work may
/// leave more behind, which the next start fills.
pub(crate) fn search_columns(connection: &mut SyncConnection) -> QueryResult<()> {
    loop {
        // All within a transaction: behind a pooler, statements outlive nothing else.
        let filled = connection.transaction::<_, diesel::result::Error, _>(|connection| {
            let rows: Vec<(Uuid, String)> = icps::table
                .filter(icps::name_folded.is_null())
                .limit(BATCH)
                .select((icps::id, icps::document))
                .load(connection)?;
            rows.iter().try_for_each(|(key, text)| fill(connection, *key, text))?;
            Ok(rows.len())
        })?;
        if filled == 0 {
            return Ok(());
        }
    }
}

fn fill(connection: &mut SyncConnection, key: Uuid, text: &str) -> QueryResult<()> {
    let document = Icp::from_json(text, Rules::Stored).map(IcpDocument::from).ok();
    let (name, providers) = match &document {
        Some(document) => (document.folded_name(), document.providers().as_str()),
        None => ("", ""),
    };
    // Unless somebody has written it meanwhile, and filled them.
    diesel::update(icps::table.find(key).filter(icps::name_folded.is_null()))
        .set((icps::name_folded.eq(name), icps::providers.eq(providers)))
        .execute(connection)
        .map(drop)
}
