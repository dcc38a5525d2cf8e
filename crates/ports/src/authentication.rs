use async_trait::async_trait;
use icp_domain::Caller;

use crate::{BoxError, HealthCheck};

/// The parts of a request by which its sender can be authenticated. Which headers count is the [`Authenticator`]'s business.
pub trait Credentials: Send + Sync {
    /// Returns the value of every line of the header `name` (in lower case), in order.
    fn header(&self, name: &str) -> Vec<&[u8]>;

    /// Returns true if the request can change something: its method is not GET, HEAD or OPTIONS.
    fn changes_state(&self) -> bool;
}

/// Authenticates requests.
#[async_trait]
pub trait Authenticator: HealthCheck {
    /// Returns the signed-in user.
    ///
    /// An implementation MUST answer within 5 seconds, and MUST NOT panic, for any content of the headers.
    ///
    /// # Errors
    ///
    /// - [`AuthenticationError::Unauthenticated`] if there are no credentials, or bad ones.
    /// - [`AuthenticationError::InsufficientScope`] if the credentials are good, but were granted too little.
    /// - [`AuthenticationError::Unavailable`] if the implementation cannot tell, because something that it needs
    ///   cannot be reached. It MUST NOT report this as unauthenticated: clients sign their user out.
    async fn authenticate(&self, credentials: &dyn Credentials) -> Result<Caller, AuthenticationError>;
}

/// Why a credential was refused, such as `expired`: a short name for logs and metrics. It never goes to the client
/// and never holds a part of the credential.
pub type RejectReason = &'static str;

/// A request could not be authenticated.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// No user is signed in.
    #[error("not signed in: {0}")]
    Unauthenticated(RejectReason),
    /// A user is signed in, but the credential was not granted a scope that the service requires.
    #[error("the credential lacks a required scope")]
    InsufficientScope,
    /// The authenticator could not tell.
    #[error("cannot tell who is signed in")]
    Unavailable(#[source] BoxError),
}
