use icp_ports::{HistoryPage, HistoryQuery, Revision};

/// Builds the page for a query from the rows that match it. The page ends after the document that brings its length to
/// [`HistoryQuery::max_bytes`] or above. To detect that more revisions follow, `rows` should contain one row more than
/// the limit.
///
/// # Errors
///
/// The first error of the rows.
pub fn history_page<E>(
    rows: impl IntoIterator<Item = Result<Revision, E>>,
    query: &HistoryQuery,
) -> Result<HistoryPage, E> {
    let (mut page, mut bytes) = (HistoryPage::default(), 0);
    // The iterator must be fused, because SQLite restarts a statement that is stepped after its end.
    let mut rows = rows.into_iter().fuse();
    while page.revisions.len() < query.limit.get() && bytes < query.max_bytes.get() {
        let Some(revision) = rows.next().transpose()? else { break };
        bytes += revision.json.as_ref().map_or(0, String::len);
        page.revisions.push(revision);
    }
    page.has_more = rows.next().transpose()?.is_some();
    Ok(page)
}
