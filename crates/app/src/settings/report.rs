use std::fmt;

use config::{Value, ValueKind};

use super::Settings;
use super::catalog::{Kind, Setting};
use super::definitions::SETTINGS;

/// Writes the settings in force as lines of TOML, each with its source. Passwords are hidden.
impl fmt::Display for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for setting in SETTINGS {
            match self.values.0.get(setting.key) {
                Some(value) => {
                    let origin = value.origin().unwrap_or("unknown origin");
                    writeln!(formatter, "{} = {} # {origin}", setting.key, shown(setting, value))?;
                }
                None => writeln!(formatter, "# {} is not set ({})", setting.key, setting.variable())?,
            }
        }
        Ok(())
    }
}

fn shown(setting: &Setting, value: &Value) -> String {
    match (&setting.kind, &value.kind) {
        (Kind::SecretUrl, _) => quoted(&without_password(&value.to_string())),
        (Kind::Flag | Kind::Number { .. }, _) => value.to_string(),
        (_, ValueKind::Array(elements)) => {
            let elements: Vec<_> = elements.iter().map(|element| quoted(&element.to_string())).collect();
            format!("[{}]", elements.join(", "))
        }
        _ => quoted(&value.to_string()),
    }
}

/// TOML's basic strings and JSON's are written alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn without_password(url: &str) -> String {
    // A password may be before the host or among the parameters. A URL that cannot be parsed is hidden whole.
    let Ok(mut parsed) = url::Url::parse(url) else { return "(hidden)".to_owned() };
    if parsed.scheme() == "sqlite" {
        return url.to_owned();
    }
    if parsed.password().is_some() && parsed.set_password(Some("hidden")).is_err() {
        return "(hidden)".to_owned();
    }
    if parsed.query_pairs().any(|(name, _)| name == "password") {
        parsed.set_query(None);
    }
    parsed.to_string()
}
