/// Settings with which the service cannot start. The message names the setting and its variable.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

impl SettingsError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// An error of one setting.
    pub(crate) fn of(key: &str, message: impl std::fmt::Display) -> Self {
        Self(format!("{key} ({}): {message}", super::catalog::variable(key)))
    }
}

/// A file that cannot be read, or is no TOML.
impl From<config::ConfigError> for SettingsError {
    fn from(error: config::ConfigError) -> Self {
        Self(format!("the settings cannot be read: {error}"))
    }
}
