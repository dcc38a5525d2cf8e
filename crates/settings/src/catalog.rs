//! The type of a setting, and its valid values.

use config::ValueKind;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use super::exact::ExactRule;

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// The key of the setting in a settings file: `section.key`.
    pub(super) key: &'static str,
    /// A variable that platforms set. The variable of the setting takes precedence.
    pub(super) platform_variable: Option<&'static str>,
    pub(super) default: Option<&'static str>,
    pub(super) kind: Kind,
}

/// The valid values of a setting.
#[derive(Debug)]
pub(super) enum Kind {
    Text,
    /// A URL that may contain a password.
    SecretUrl,
    Flag,
    Number {
        min: u64,
        max: u64,
    },
    /// A value that is compared byte for byte.
    Exact(ExactRule),
    /// A list of values that are compared byte for byte.
    ExactList(ExactRule),
    OneOf(&'static [&'static str]),
    LogFilter,
}

impl Setting {
    /// Returns the environment variable of the setting: `ICP__SECTION__KEY`.
    pub(super) fn variable(&self) -> String {
        variable(self.key)
    }

    /// Returns the reason why a value is invalid, or `None` if it is valid.
    pub(super) fn invalid_reason(&self, value: &config::Value) -> Option<String> {
        let is_valid = match (&self.kind, &value.kind) {
            (Kind::Exact(rule), ValueKind::String(text)) => return rule.invalid_reason(text),
            (Kind::ExactList(rule), ValueKind::Array(elements)) => {
                return elements.iter().find_map(|element| match &element.kind {
                    ValueKind::String(text) => rule.invalid_reason(text),
                    _ => Some(self.expected()),
                });
            }
            (Kind::Text | Kind::SecretUrl, ValueKind::String(_)) | (Kind::Flag, ValueKind::Boolean(_)) => {
                true
            }
            (Kind::Flag, ValueKind::String(text)) => ["true", "false"].contains(&text.as_str()),
            (Kind::Number { min, max }, ValueKind::I64(_) | ValueKind::String(_)) => {
                value.clone().into_uint().is_ok_and(|number| (*min..=*max).contains(&number))
            }
            (Kind::OneOf(choices), ValueKind::String(text)) => choices.contains(&text.as_str()),
            (Kind::LogFilter, ValueKind::String(text)) => is_log_filter(text),
            _ => false,
        };
        let shown = match (&self.kind, &value.kind) {
            // The text may be a secret.
            (Kind::Text | Kind::SecretUrl, _) => String::new(),
            (_, ValueKind::String(text)) => format!(", not {text:?}"),
            (_, other) => format!(", not {other}"),
        };
        (!is_valid).then(|| self.expected() + &shown)
    }

    fn expected(&self) -> String {
        match &self.kind {
            Kind::Text | Kind::SecretUrl => "must be a text".to_owned(),
            Kind::Exact(rule) => format!("must be {}", rule.expected),
            Kind::ExactList(rule) => format!("must be a list. Each element must be {}", rule.expected),
            Kind::Flag => "must be true or false".to_owned(),
            Kind::Number { min, max } => format!("must be a whole number from {min} to {max}"),
            Kind::OneOf(choices) => format!("must be {}", choices.join(" or ")),
            Kind::LogFilter => "must be a level (error, warn, info, debug, trace) or a filter such as \
                                info,icp_app=debug"
                .to_owned(),
        }
    }
}

/// Returns true if the filter is valid and names levels. The parser of filters treats a misspelt level as a target, so
/// nothing would be logged.
fn is_log_filter(text: &str) -> bool {
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    let directives = text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let are_valid = directives.clone().all(|directive| directive.contains('=') || is_level(directive));
    are_valid && directives.count() > 0 && text.parse::<EnvFilter>().is_ok()
}

/// Returns the environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("ICP__{}", key.to_uppercase().replace('.', "__"))
}

pub(super) const fn number(min: u64, max: u64) -> Kind {
    Kind::Number { min, max }
}
