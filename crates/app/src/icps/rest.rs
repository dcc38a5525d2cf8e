use std::sync::Arc;

use icp_ports::{IcpReader, ListCursor, ListPart, ListQuery, ListStart, RepositoryError, WireList};

/// The rest of a long list. Each part is read when the one before it has been sent, so that a slow client holds neither a
/// connection nor a transaction.
///
/// An ICP that does not change while the list is sent is in it once. One that changes, is created or deleted is in it as it
/// was, as it is, or not at all; one that a change moves on in the order may be in it twice.
pub(crate) struct Rest {
    reader: Arc<dyn IcpReader>,
    query: ListQuery,
    /// Where the next part starts, if there may be one.
    next: Option<ListCursor>,
}

impl Rest {
    pub(super) fn new(reader: Arc<dyn IcpReader>, query: ListQuery, next: ListCursor) -> Self {
        Self { reader, query, next: Some(next) }
    }

    /// Returns the next part, or `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<WireList>, RepositoryError> {
        let Some(next) = self.next.take() else { return Ok(None) };
        self.query.start = ListStart::After(next);
        let ListPart { icps, next } = self.reader.list_part(&self.query).await?;
        self.next = next;
        Ok(Some(icps))
    }
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rest").field("query", &self.query).finish_non_exhaustive()
    }
}
