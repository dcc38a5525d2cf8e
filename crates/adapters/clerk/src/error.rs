/// Error for an invalid setting. The message contains the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(pub(crate) &'static str);

/// Error of [`ClerkAuthenticator::start`](crate::ClerkAuthenticator::start): there is no tokio runtime, or the HTTP
/// client cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("the task that fetches the key set cannot be started: {0}")]
pub struct StartError(pub(crate) String);
