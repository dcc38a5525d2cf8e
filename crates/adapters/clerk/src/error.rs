/// The text of a setting is invalid. The message has the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(pub(crate) &'static str);

/// The authenticator could not be started: a key set needs a tokio runtime and an HTTP client.
#[derive(Debug, thiserror::Error)]
#[error("the key set cannot be fetched: {0}")]
pub struct StartError(pub(crate) String);
