//! Columns that came later, filled for what was stored before.

use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult, RunQueryDsl as _};
use icp_domain::{Icp, IcpDocument, Rules};
use uuid::Uuid;

use crate::migrations::SyncConnection;
use crate::schema::icps;

/// Documents that are read at once.
const BATCH: i64 = 500;

/// Fills what lists are searched and sorted by.
pub(crate) fn search_columns(connection: &mut SyncConnection) -> QueryResult<()> {
    let mut last = Uuid::nil();
    loop {
        let rows: Vec<(Uuid, String)> = icps::table
            .filter(icps::name_folded.is_null())
            .filter(icps::id.ge(last))
            .order(icps::id)
            .limit(BATCH)
            .select((icps::id, icps::document))
            .load(connection)?;
        for (id, text) in &rows {
            let document = Icp::from_json(text, Rules::Stored).map(IcpDocument::from).ok();
            let (name, providers) = match &document {
                Some(document) => (document.folded_name(), document.providers().as_str()),
                None => ("", ""),
            };
            diesel::update(icps::table.find(id))
                .set((icps::name_folded.eq(name), icps::providers.eq(providers)))
                .execute(connection)?;
        }
        match rows.last() {
            Some((id, _)) => last = *id,
            None => return Ok(()),
        }
    }
}
