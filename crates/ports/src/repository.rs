use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId, Timestamp};

use crate::{
    Creation, HealthCheck, IcpList, IdempotencyKey, ListQuery, ListVersion, Lookup, StoredIcp, Version,
};

/// An error of an adapter's own, kept as the source of a port's error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Reading the ICPs that are there.
///
/// Every method is atomic, and reads what the storage holds at that moment, since a revoked access is gone with the next
/// request: an implementation MUST not answer with what it has kept, unless the storage says in the same call that this is
/// what it still holds. (One that reads from a copy of the storage is as far behind
/// as it says, and is used where that is allowed.)
///
/// An implementation MUST answer within 5 seconds when its storage is out of reach or hangs, MUST recover by itself
/// when the storage comes back, and MUST repeat a read that failed because a connection was lost, as long as that
/// is within the time.
#[async_trait]
pub trait IcpReader: Send + Sync {
    /// The ICPs that `query` asks for, in wire form exactly as they were stored.
    ///
    /// It MUST hold the documents for which [`icp_domain::ListScope::includes`] and the query's filter are true, and no
    /// other. User ids are compared byte for byte. Its cost MUST depend on the ICPs in scope, not on how many there are
    /// in all; sorted by `createdAt` and with a limit, on the limit. The memory that it takes MUST depend on
    /// [`ListQuery::max_bytes`] where there is one.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`] when the storage cannot be read. Never because of what a document says.
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError>;

    /// The version that [`IcpReader::list`] would give if the query had no `max_bytes`. It SHOULD cost less: no document is
    /// wanted.
    ///
    /// Whoever has a list of this version, whole, has what [`IcpReader::list`] would give, and need not ask for it.
    ///
    /// # Errors
    ///
    /// As [`IcpReader::list`].
    async fn list_version(&self, query: &ListQuery) -> Result<ListVersion, RepositoryError>;

    /// One ICP, as it was stored, if it is within `scope`.
    ///
    /// # Errors
    ///
    /// As [`IcpReader::list`].
    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError>;

    /// The version of one ICP, if it is within `scope`. It SHOULD cost less than [`IcpReader::get`]: no document is
    /// wanted.
    ///
    /// # Errors
    ///
    /// As [`IcpReader::list`].
    async fn version(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<Version>, RepositoryError>;
}

/// The ICPs that are there, to read and to write.
///
/// Every write is atomic. An implementation MUST answer within the time of [`IcpReader`], and MUST NOT repeat a write that
/// may have been done: whether one whose connection broke was done is not known, and the error says only that there was no
/// answer.
///
/// # Writing
///
/// A change is a compare-and-swap: it names the version that it was made from, and does nothing when the ICP is not at
/// that version any more. Whoever finds that reads again, and decides anew. An access that was looked up together
/// with a version therefore still holds when a change to that version succeeds.
#[async_trait]
pub trait IcpRepository: IcpReader + HealthCheck {
    /// Stores a new ICP, and gives its first version.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Backend`] when its id is there already: then nothing is changed.
    async fn create(&self, document: &IcpDocument) -> Result<Version, RepositoryError>;

    /// Stores a new ICP unless `key` says that this was done, together with the key, or neither of them.
    ///
    /// What time it is says the document's `createdAt`. A key whose time is over
    /// ([`IdempotencyKey::oldest_that_counts`]) is taken over. Of several creates with one key at the same time exactly one MUST store its
    /// document.
    ///
    /// # Errors
    ///
    /// As [`IcpRepository::create`].
    async fn create_once(
        &self,
        document: &IcpDocument,
        key: &IdempotencyKey,
    ) -> Result<Creation, RepositoryError>;

    /// Makes a change to the ICP at the version `expected`, and gives its new version; `None`, and nothing is changed,
    /// when the ICP is not at that version, or somebody else is writing it at this moment.
    ///
    /// # Errors
    ///
    /// When the storage cannot be written.
    async fn update(&self, change: &IcpChange, expected: Version)
    -> Result<Option<Version>, RepositoryError>;

    /// Deletes the ICP at the version `expected` for good; `false`, and nothing is changed, when the ICP is not at that
    /// version, or somebody else is writing it at this moment.
    ///
    /// # Errors
    ///
    /// When the storage cannot be written.
    async fn delete(&self, id: IcpId, expected: Version) -> Result<bool, RepositoryError>;

    /// Removes keys whose time is over at `now`, and says how many. It MAY leave some for the next call, and then says a
    /// number above zero.
    ///
    /// # Errors
    ///
    /// When the storage cannot be written.
    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError>;
}

/// The storage could not do what it was asked.
#[derive(Debug)]
pub enum RepositoryError {
    /// It is out of reach, or did not answer in time. Trying again later may help.
    Unavailable(BoxError),
    /// It has as much to do as it may take on at once. Nothing was done, and trying again a little later may help.
    Overloaded,
    /// It answered with an error, or with something that makes no sense.
    Backend(BoxError),
}

impl fmt::Display for RepositoryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unavailable(_) => "the storage cannot be reached",
            Self::Overloaded => "the storage has too much to do",
            Self::Backend(_) => "the storage failed",
        })
    }
}

impl Error for RepositoryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(source) | Self::Backend(source) => Some(source.as_ref()),
            Self::Overloaded => None,
        }
    }
}
