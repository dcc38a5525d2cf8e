use std::fmt::Display;
use std::io;
use std::path::Path;

/// Settings with which the service cannot start. The message names the setting and its variable.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

impl SettingsError {
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// An error of one setting.
    pub fn of(key: &str, message: impl Display) -> Self {
        Self(format!("{key} ({}): {message}", super::definitions::variables(key)))
    }

    /// A file that cannot be read.
    pub(super) fn of_file(path: &Path, error: &io::Error) -> Self {
        Self(format!("the settings file {} cannot be read: {error}", path.display()))
    }

    /// A file that is not TOML. The message omits the line that the parser quotes, because it may contain a password.
    pub(super) fn of_toml(path: &Path, error: &config::ConfigError) -> Self {
        let said = error.to_string();
        let (first, last) =
            (said.lines().next().unwrap_or_default(), said.lines().last().unwrap_or_default());
        let place = first.find("line ").and_then(|at| first.get(at..)).unwrap_or("an unknown line");
        let reason = if last == first || last.contains('|') { "a syntax error" } else { last };
        Self(format!("the settings file {} is not TOML at {place}: {reason}", path.display()))
    }
}

/// A file that cannot be read or is not TOML.
impl From<config::ConfigError> for SettingsError {
    fn from(error: config::ConfigError) -> Self {
        Self(format!("the settings cannot be read: {error}"))
    }
}
