use icp_domain::{Faults, PatchError};
use icp_ports::{BoxError, RepositoryError};

/// Why a use case was not done. Whatever it says, nothing was changed; only after [`Refusal::Storage`] that is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no such ICP")]
    NotFound,
    #[error("the caller has no access to the ICP")]
    Forbidden,
    #[error("the ICP is not at a version that was asked for")]
    OtherVersion,
    #[error("the body is at fault: {0}")]
    Invalid(#[from] Faults),
    #[error("the cursor is not of this list")]
    ForeignCursor,
    #[error("the idempotency key came with another body")]
    KeyReused,
    #[error("a request with the same idempotency key is at work")]
    KeyInUse,
    #[error("others keep changing the ICP")]
    Contended,
    #[error("what is stored is no ICP: {0}")]
    Unreadable(Faults),
    #[error(transparent)]
    Internal(BoxError),
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl From<PatchError> for Refusal {
    fn from(error: PatchError) -> Self {
        match error {
            PatchError::Forbidden => Self::Forbidden,
            PatchError::Invalid(faults) => Self::Invalid(faults),
            PatchError::Stale => Self::OtherVersion,
        }
    }
}
