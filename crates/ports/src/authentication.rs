use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use icp_domain::Caller;

use crate::HealthCheck;

/// What a request says about who sends it: raw header values, since the rules speak about bytes, order and
/// repetition.
///
/// ```
/// use icp_ports::Credentials;
///
/// let lines: [&[u8]; 1] = [b"Bearer abc"];
/// let credentials = Credentials { authorization: &lines, ..Credentials::default() };
/// assert!(!format!("{credentials:?}").contains("abc"), "they are secret");
/// ```
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// Every `Authorization` header line, in order.
    pub authorization: HeaderLines<'a>,
    /// Every `Cookie` header line, in order.
    pub cookie: HeaderLines<'a>,
    /// Every `Origin` header line, in order.
    pub origin: HeaderLines<'a>,
    /// Whether the request changes something (its method is not GET, HEAD or OPTIONS).
    pub changes_state: bool,
}

/// Header values are not shown: they are secrets.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("changes_state", &self.changes_state)
            .finish_non_exhaustive()
    }
}

/// The values of the header lines of one name.
type HeaderLines<'a> = &'a [&'a [u8]];

/// Tells who sends a request.
#[async_trait]
pub trait Authenticator: HealthCheck {
    /// The signed-in user.
    ///
    /// # Errors
    ///
    /// [`AuthenticationError::Unauthenticated`] when nobody is signed in: no credentials, or bad ones. An
    /// implementation MUST answer so for every sequence of bytes that a stranger can send, and MUST not panic.
    ///
    /// [`AuthenticationError::Unavailable`] when it cannot tell, because something it needs is out of reach. An
    /// implementation MUST not call that unauthenticated: a client that is told so signs its user out. It MUST
    /// answer within 5 seconds.
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Caller, AuthenticationError>;
}

/// Why a credential did not count: a short name for logs and metrics, such as `expired`. It never goes to the
/// client, and never holds a part of the credential.
pub type Rejection = &'static str;

/// Nobody can be named.
#[derive(Debug)]
pub enum AuthenticationError {
    /// Nobody is signed in.
    Unauthenticated(Rejection),
    /// It cannot be told who is.
    Unavailable(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for AuthenticationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated(rejection) => write!(formatter, "not signed in: {rejection}"),
            Self::Unavailable(_) => formatter.write_str("cannot tell who is signed in"),
        }
    }
}

impl Error for AuthenticationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unauthenticated(_) => None,
            Self::Unavailable(source) => Some(source.as_ref()),
        }
    }
}
