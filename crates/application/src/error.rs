use icp_domain::{PatchError, ValidationErrors};
use icp_ports::{BoxError, Quota, RepositoryError};

/// The reason why an operation failed. A failed operation of [`IcpService`](crate::IcpService) has changed nothing,
/// with one exception: a write may have succeeded despite [`ServiceError::Storage`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// No ICP has this ID.
    #[error("no ICP has this ID")]
    NotFound,
    /// The ICP has no such revision.
    #[error("the ICP has no such revision")]
    NoRevision,
    /// The history of the service is off.
    #[error("the history is turned off")]
    HistoryDisabled,
    /// The ICP exists, or was deleted and has a history, and the caller has no access to it.
    #[error("the caller has no access to the ICP")]
    Forbidden,
    /// A precondition is false for the current version, or a patch contains the `updatedAt` of another version.
    #[error("a precondition is false")]
    PreconditionFailed,
    /// The body is invalid, or the new state of the ICP exceeds a limit.
    #[error("the body is invalid: {0}")]
    Invalid(#[from] ValidationErrors),
    /// The cursor belongs to another list or another user, or is damaged.
    #[error("the cursor belongs to another list or user, or is damaged")]
    InvalidCursor,
    /// The user has sent the idempotency key with another request.
    #[error("the idempotency key was used with another request")]
    KeyReused,
    /// Another request with the same idempotency key is still in progress at the time limit of the wait.
    #[error("a request with the same idempotency key is in progress")]
    KeyInUse,
    /// Other writers kept changing the ICP until the time limit, or the maximum number of attempts, was reached.
    #[error("other requests keep changing the ICP")]
    Contended,
    /// Too much work of this user, or of all users together, is waiting.
    #[error("too much work is queued")]
    Overloaded,
    /// The quota of the ICP's creator is used up.
    #[error("the quota of the creator is used up")]
    QuotaReached(Quota),
    /// Only an admin may remove the last user of an ICP.
    #[error("only an admin may remove the last user")]
    LastUser,
    /// The stored document is not an ICP.
    #[error("the stored document is not an ICP: {0}")]
    Unreadable(ValidationErrors),
    /// An unexpected error of the service, such as a panic.
    #[error(transparent)]
    Internal(BoxError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl From<PatchError> for ServiceError {
    fn from(error: PatchError) -> Self {
        match error {
            PatchError::Forbidden => Self::Forbidden,
            PatchError::Invalid(violations) => Self::Invalid(violations),
            PatchError::Stale => Self::PreconditionFailed,
        }
    }
}
