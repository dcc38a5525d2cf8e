use std::fmt::Display;
use std::io;
use std::path::Path;

/// The reason why the service cannot start with its settings. The message names the setting and its variable, or the
/// source.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

impl SettingsError {
    /// Creates an error with a complete message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// Creates the error of one setting.
    pub fn of(key: &str, message: impl Display) -> Self {
        Self(format!("{key} ({}): {message}", super::definitions::variables(key)))
    }

    /// Creates the error of a file that cannot be read.
    pub(super) fn of_file(path: &Path, error: &io::Error) -> Self {
        Self(format!("the settings file {} cannot be read: {error}", path.display()))
    }

    /// Creates the error of a file that is not TOML. The message omits the line that the parser quotes, because the
    /// line may contain a password.
    pub(super) fn of_toml(path: &Path, error: &config::ConfigError) -> Self {
        let message = error.to_string();
        let (first, last) =
            (message.lines().next().unwrap_or_default(), message.lines().last().unwrap_or_default());
        let position = first.find("line ").and_then(|at| first.get(at..)).unwrap_or("an unknown line");
        let reason = if last == first || last.contains('|') { "a syntax error" } else { last };
        Self(format!("the settings file {} is not TOML at {position}: {reason}", path.display()))
    }
}

/// Converts an error of the crate `config`, which reads the sources.
impl From<config::ConfigError> for SettingsError {
    fn from(error: config::ConfigError) -> Self {
        Self(format!("the settings cannot be read: {error}"))
    }
}
