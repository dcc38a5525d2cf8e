use std::sync::Arc;

use icp_domain::WireList;
use icp_ports::{IcpRepository, ListQuery, Place, RepositoryError};

/// What is left of a long list: read part by part, each when the one before it has been sent. Nothing is held meanwhile, no
/// connection and no transaction, however slowly somebody reads.
///
/// What nobody changes is in the list once. An ICP that changes, comes or goes while the list is sent is in it as it was, as it
/// is, or not at all; one that is moved on in the order, by a change, may be in it twice.
pub(crate) struct Rest {
    repository: Arc<dyn IcpRepository>,
    query: ListQuery,
    /// Whether there may be more.
    goes_on: bool,
}

impl Rest {
    pub(super) fn new(repository: Arc<dyn IcpRepository>, query: ListQuery, after: Place) -> Self {
        Self { repository, query: ListQuery { after: Some(after), ..query }, goes_on: true }
    }

    /// The next part; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<WireList>, RepositoryError> {
        if !self.goes_on {
            return Ok(None);
        }
        let list = self.repository.list(&self.query).await?;
        self.goes_on = list.next.is_some();
        self.query.after = list.next;
        Ok(Some(list.icps))
    }
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rest").field("query", &self.query).finish_non_exhaustive()
    }
}
