use std::fmt;

use config::{Value, ValueKind};

use secrecy::ExposeSecret as _;

use super::catalog::{Kind, Setting};
use super::definitions::{SETTINGS, variables};
use super::secrets::without_secrets;
use super::{DatabaseSettings, Settings};

/// Writes the active sign-in, and a line of TOML for each setting, with its value, source and variable. The line is a
/// comment if the setting has no value. Secrets in URLs are hidden.
impl fmt::Display for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign_in = match &self.auth.issuer {
            _ if !self.auth.is_clerk() => "development, on this machine only",
            Some(issuer) => &format!("Clerk, issuer {issuer}"),
            None => "Clerk, issuer of auth.publishable_key",
        };
        writeln!(formatter, "# sign-in: {sign_in}")?;
        for setting in SETTINGS {
            let variable = setting.variable();
            match self.values.0.get(setting.key) {
                Some(value) => {
                    let origin = value.origin().unwrap_or("unknown origin");
                    write!(formatter, "{} = {} # {origin}", setting.key, displayed_value(setting, value))?;
                    if !origin.ends_with(&variable) {
                        write!(formatter, " ({variable})")?;
                    }
                    writeln!(formatter)?;
                }
                None => writeln!(formatter, "# {} is not set ({variable})", setting.key)?,
            }
        }
        Ok(())
    }
}

impl DatabaseSettings {
    /// Returns the start of a message about a database that fails: the setting, its variables, and the URL without its
    /// secrets.
    pub fn failure_message(&self) -> String {
        let url = without_secrets(self.url.expose_secret());
        let url = url.as_deref().unwrap_or("the database");
        format!("database.url ({}): cannot use {url}", variables("database.url"))
    }
}

fn displayed_value(setting: &Setting, value: &Value) -> String {
    match (&setting.kind, &value.kind) {
        // A URL that cannot be parsed is hidden completely.
        (Kind::SecretUrl, _) => quoted(without_secrets(&value.to_string()).as_deref().unwrap_or("(hidden)")),
        (Kind::Flag | Kind::Number { .. }, _) => value.to_string(),
        (_, ValueKind::Array(elements)) => {
            let elements: Vec<_> =
                elements.iter().map(|element| without_password(&element.to_string())).collect();
            format!("[{}]", elements.join(", "))
        }
        _ => without_password(&value.to_string()),
    }
}

/// Returns a text that may be a URL as a TOML string, without its secrets.
fn without_password(text: &str) -> String {
    quoted(without_secrets(text).as_deref().unwrap_or(text))
}

/// Returns a TOML string. TOML's basic strings have the syntax of JSON strings.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
