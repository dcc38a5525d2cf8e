use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use icp_ports::{IcpReader, ListCursor, ListPart, ListQuery, ListStart, RepositoryError, WireList};

/// Maximum length in bytes of each part that a [`LongList`] reads. A part ends with the document that reaches this
/// length. A read of a longer part occupies a core and delays requests of other users.
const MAX_PART_BYTES: NonZeroUsize = NonZeroUsize::new(1024 * 1024).unwrap();

/// The rest of a list that is too long to be buffered. Each part is read after the previous part has been sent, so that
/// a slow client does not occupy a database connection or a transaction.
///
/// An ICP that does not change while the list is sent is in the list once. An ICP that is changed, created or deleted
/// in this time may be in the list in its old or its new state, or be missing. It may be in the list twice if the
/// change moves it to a later position.
pub struct LongList {
    reader: Arc<dyn IcpReader>,
    query: Box<ListQuery>,
    /// The start of the next part, if there may be one.
    next: Option<ListCursor>,
}

impl LongList {
    pub(crate) fn new(reader: Arc<dyn IcpReader>, mut query: ListQuery, next: ListCursor) -> Self {
        query.max_bytes = query.max_bytes.map(|max_bytes| max_bytes.min(MAX_PART_BYTES));
        Self { reader, query: Box::new(query), next: Some(next) }
    }

    /// Reads the next part. Returns `None` after the last part.
    ///
    /// # Errors
    ///
    /// If the storage cannot be read. The list is then incomplete.
    pub async fn next_part(&mut self) -> Result<Option<WireList>, RepositoryError> {
        let Some(next) = self.next.take() else { return Ok(None) };
        self.query.start = ListStart::After(next);
        let ListPart { icps, next } = self.reader.list_part(&self.query).await?;
        self.next = next;
        Ok(Some(icps))
    }
}

impl fmt::Debug for LongList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LongList").field("query", &self.query).finish_non_exhaustive()
    }
}
