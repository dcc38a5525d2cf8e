//! Columns that came later, filled for what was stored before.

use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult, RunQueryDsl as _, SqliteConnection};
use icp_domain::{Icp, IcpDocument, Rules};

use crate::schema::icps;

/// Documents that are read at once.
const BATCH: i64 = 500;

/// Fills what lists are searched and sorted by.
pub(crate) fn search_columns(connection: &mut SqliteConnection) -> QueryResult<()> {
    let mut last = i64::MIN;
    loop {
        let rows: Vec<(i64, String)> = icps::table
            .filter(icps::name_folded.is_null())
            .filter(icps::number.ge(last))
            .order(icps::number)
            .limit(BATCH)
            .select((icps::number, icps::document))
            .load(connection)?;
        for (number, text) in &rows {
            let document = Icp::from_json(text, Rules::Stored).map(IcpDocument::from).ok();
            let (name, providers) = match &document {
                Some(document) => (document.folded_name(), document.providers().as_str()),
                None => ("", ""),
            };
            diesel::update(icps::table.find(number))
                .set((icps::name_folded.eq(name), icps::providers.eq(providers)))
                .execute(connection)?;
        }
        match rows.last() {
            Some((number, _)) => last = *number,
            None => return Ok(()),
        }
    }
}
