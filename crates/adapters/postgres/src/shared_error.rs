//! One error for all whose reads shared a statement.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use icp_ports::RepositoryError;

/// One error for several who asked.
pub(crate) fn copy(error: &Arc<RepositoryError>) -> RepositoryError {
    match error.as_ref() {
        RepositoryError::Overloaded => RepositoryError::Overloaded,
        RepositoryError::Unavailable(_) => RepositoryError::Unavailable(Shared(Arc::clone(error)).into()),
        RepositoryError::Backend(_) => RepositoryError::Backend(Shared(Arc::clone(error)).into()),
    }
}

/// The error of a statement, as each of those who asked is told it.
#[derive(Debug)]
struct Shared(Arc<RepositoryError>);

impl Shared {
    /// What the storage said.
    fn reason(&self) -> &dyn Error {
        self.0.source().unwrap_or(&*self.0)
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.reason())
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source().and_then(Error::source)
    }
}
