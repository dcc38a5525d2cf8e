/// Error for an invalid setting. The message contains the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(pub(crate) &'static str);

/// Error of [`ClerkAuthenticator::start`](crate::ClerkAuthenticator::start): there is no tokio runtime, or the HTTP
/// client cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("the key set cannot be fetched: {0}")]
pub struct StartError(pub(crate) String);
