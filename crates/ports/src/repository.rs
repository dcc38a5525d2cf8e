use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use icp_domain::{ListScope, WireList};

use crate::HealthCheck;

/// An error of an adapter's own, kept as the source of a port's error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The ICPs that are there.
///
/// Every method is atomic, and reads what the storage holds at that moment: an implementation MUST not answer from a
/// cache, since a revoked access is gone with the next request.
///
/// An implementation MUST answer within 5 seconds when its storage is out of reach or hangs, MUST recover by itself
/// when the storage comes back, and MUST repeat a read that failed because a connection was lost, as long as that
/// is within the time.
#[async_trait]
pub trait IcpRepository: HealthCheck {
    /// The ICPs in `scope`, in wire form exactly as they were stored, oldest first (`createdAt`, then `id`).
    ///
    /// It MUST hold the documents for which [`ListScope::includes`] is true, and no other. User ids are compared
    /// byte for byte. Its cost MUST depend on the ICPs in scope, not on how many there are in all.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`] when the storage cannot be read. Never because of what a document says.
    async fn list(&self, scope: &ListScope) -> Result<WireList, RepositoryError>;
}

/// The storage could not do what it was asked.
#[derive(Debug)]
pub enum RepositoryError {
    /// It is out of reach, or did not answer in time. Trying again later may help.
    Unavailable(BoxError),
    /// It answered with an error, or with something that makes no sense.
    Backend(BoxError),
}

impl fmt::Display for RepositoryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unavailable(_) => "the storage cannot be reached",
            Self::Backend(_) => "the storage failed",
        })
    }
}

impl Error for RepositoryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(source) | Self::Backend(source) => Some(source.as_ref()),
        }
    }
}
