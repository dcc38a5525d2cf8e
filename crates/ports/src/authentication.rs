use async_trait::async_trait;
use icp_domain::Caller;

use crate::{BoxError, HealthCheck};

/// The parts of a request that authenticate its sender. The [`Authenticator`] decides which headers it reads.
pub trait Credentials: Send + Sync {
    /// Returns the values of all lines of the header `name`, in order. The caller passes `name` in lower case.
    fn header(&self, name: &str) -> Vec<&[u8]>;

    /// Returns true if the request can change state: its method is not GET, HEAD or OPTIONS.
    fn changes_state(&self) -> bool;
}

/// Authenticates requests.
#[async_trait]
pub trait Authenticator: HealthCheck {
    /// Returns the signed-in user.
    ///
    /// An implementation MUST return within 5 seconds, and MUST NOT panic, for any content of the headers.
    ///
    /// # Errors
    ///
    /// - [`AuthenticationError::Unauthenticated`] if credentials are missing or invalid.
    /// - [`AuthenticationError::InsufficientScope`] if the credentials are valid, but lack a required scope.
    /// - [`AuthenticationError::Unavailable`] if the implementation cannot reach a dependency, such as a key server. An
    ///   implementation MUST NOT report this as unauthenticated, because clients would sign their user out.
    async fn authenticate(&self, credentials: &dyn Credentials) -> Result<Caller, AuthenticationError>;
}

/// The reason why a request is unauthenticated, such as `expired`. It is a short name for logs and metrics. It is never
/// sent to the client, and never contains a part of the credential.
pub type RejectReason = &'static str;

/// The reason why a request could not be authenticated.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// No user is signed in.
    #[error("not signed in: {0}")]
    Unauthenticated(RejectReason),
    /// A user is signed in, but the credential was not granted a scope that the service requires.
    #[error("the credential lacks a required scope")]
    InsufficientScope,
    /// The authenticator could not verify the credentials.
    #[error("the credentials cannot be verified")]
    Unavailable(#[source] BoxError),
}
