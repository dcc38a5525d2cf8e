//! Every setting, once: its key, where else it may come from, its default, and what its value must be.

use config::ValueKind;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use super::exact::{self, Exact};

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// Its place in a settings file: `section.key`.
    pub(super) key: &'static str,
    /// A variable that people's platforms set; it counts below the setting's own.
    pub(super) platform_variable: Option<&'static str>,
    pub(super) default: Option<&'static str>,
    pub(super) kind: Kind,
}

/// What the value must be.
#[derive(Debug)]
pub(super) enum Kind {
    Text,
    /// A URL that may hold a password.
    SecretUrl,
    Flag,
    Number {
        least: u64,
        most: u64,
    },
    /// A value that is compared byte for byte.
    Exact(Exact),
    /// A list of such values.
    ExactList(Exact),
    OneOf(&'static [&'static str]),
    LogFilter,
}

impl Setting {
    /// `ICP__SECTION__KEY`.
    pub(super) fn variable(&self) -> String {
        variable(self.key)
    }

    /// What is wrong with a value, if anything.
    pub(super) fn objection(&self, value: &config::Value) -> Option<String> {
        let right = match (&self.kind, &value.kind) {
            (Kind::Exact(rule), ValueKind::String(text)) => return rule.objection(text),
            (Kind::ExactList(rule), ValueKind::Array(elements)) => {
                return elements.iter().find_map(|element| match &element.kind {
                    ValueKind::String(text) => rule.objection(text),
                    _ => Some(self.expected()),
                });
            }
            (Kind::Text | Kind::SecretUrl, ValueKind::String(_)) | (Kind::Flag, ValueKind::Boolean(_)) => {
                true
            }
            (Kind::Flag, ValueKind::String(text)) => ["true", "false"].contains(&text.as_str()),
            (Kind::Number { least, most }, ValueKind::I64(_) | ValueKind::String(_)) => {
                value.clone().into_uint().is_ok_and(|number| (*least..=*most).contains(&number))
            }
            (Kind::OneOf(choices), ValueKind::String(text)) => choices.contains(&text.as_str()),
            (Kind::LogFilter, ValueKind::String(text)) => is_log_filter(text),
            _ => false,
        };
        (!right).then(|| self.expected())
    }

    fn expected(&self) -> String {
        match &self.kind {
            Kind::Text | Kind::SecretUrl => "must be a text".to_owned(),
            Kind::Exact(rule) => format!("must be {}", rule.expected),
            Kind::ExactList(rule) => format!("must be a list, each of its elements {}", rule.expected),
            Kind::Flag => "must be true or false".to_owned(),
            Kind::Number { least, most } => format!("must be a whole number from {least} to {most}"),
            Kind::OneOf(choices) => format!("must be {}", choices.join(" or ")),
            Kind::LogFilter => "must be a level (error, warn, info, debug, trace) or a filter such as \
                                info,icp_app=debug"
                .to_owned(),
        }
    }
}

/// The filter's own parser takes a misspelt level for the name of a target, and then logs nothing.
fn is_log_filter(text: &str) -> bool {
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    let directives = text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let are_right = directives.clone().all(|directive| directive.contains('=') || is_level(directive));
    are_right && directives.count() > 0 && text.parse::<EnvFilter>().is_ok()
}

/// The variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("ICP__{}", key.to_uppercase().replace('.', "__"))
}

const fn setting(key: &'static str, kind: Kind) -> Setting {
    Setting { key, platform_variable: None, default: None, kind }
}

impl Setting {
    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn also(self, platform_variable: &'static str) -> Self {
        Self { platform_variable: Some(platform_variable), ..self }
    }
}

const fn from(least: u64, most: u64) -> Kind {
    Kind::Number { least, most }
}

/// The variables of a key, for people: its own, and the platform's.
pub(super) fn variables(key: &str) -> String {
    let platform =
        SETTINGS.iter().find(|setting| setting.key == key).and_then(|setting| setting.platform_variable);
    match platform {
        Some(platform) => format!("{} or {platform}", variable(key)),
        None => variable(key),
    }
}

/// All of them, in the order of the documentation.
pub(super) const SETTINGS: &[Setting] = &[
    setting("server.host", Kind::Text).or("127.0.0.1"),
    setting("server.port", from(0, 65_535)).or("8080").also("PORT"),
    setting("server.workers", from(1, 1_024)),
    setting("server.shutdown_seconds", from(0, 3_600)).or("30"),
    setting("server.drain_seconds", from(0, 3_600)).or("5"),
    setting("server.tls_certificate", Kind::Text),
    setting("server.tls_key", Kind::Text),
    setting("server.cors_origins", Kind::ExactList(exact::ORIGIN)),
    setting("server.max_in_flight", from(1, 100_000)).or("256"),
    setting("server.response_buffer_kilobytes", from(1, 1_000_000)).or("4096"),
    setting("server.list_cache_kilobytes", from(0, 100_000_000)).or("8192"),
    setting("server.requests_per_minute", from(1, 1_000_000)),
    setting("database.url", Kind::SecretUrl).or("sqlite://data/icp.sqlite3").also("DATABASE_URL"),
    setting("database.password_file", Kind::Text),
    setting("database.max_connections", from(1, 1_000)).or("8"),
    setting("database.migrate", Kind::Flag).or("true"),
    setting("database.connect_timeout_seconds", from(1, 60)).or("2"),
    setting("database.statement_timeout_seconds", from(1, 300)).or("4"),
    setting("database.acquire_timeout_milliseconds", from(1, 60_000)).or("500"),
    setting("database.connection_lifetime_seconds", from(1, 86_400)).or("1800"),
    setting("database.read_url", Kind::SecretUrl),
    setting("database.read_max_lag_seconds", from(1, 3_600)).or("5"),
    setting("database.read_own_writes_seconds", from(0, 3_600)).or("10"),
    setting("auth.issuer", Kind::Exact(exact::ISSUER)),
    setting("auth.jwks_url", Kind::Text),
    setting("auth.jwt_key", Kind::Text).also("CLERK_JWT_KEY"),
    setting("auth.publishable_key", Kind::Text).also("CLERK_PUBLISHABLE_KEY"),
    setting("auth.authorized_parties", Kind::ExactList(exact::PARTY)),
    setting("auth.audience", Kind::ExactList(exact::WORD)),
    setting("auth.session_cookie", Kind::Flag).or("false"),
    setting("auth.jwks_lifetime_seconds", from(1, 86_400)).or("300"),
    setting("auth.jwks_cooldown_seconds", from(1, 3_600)).or("10"),
    setting("auth.admin_user_ids", Kind::ExactList(exact::WORD)),
    setting("auth.admin_claim", Kind::Text),
    setting("auth.token_cache_size", from(0, 10_000_000)).or("20000"),
    setting("mcp.enabled", Kind::Flag).or("false"),
    setting("mcp.resource", Kind::Exact(exact::RESOURCE)),
    setting("mcp.oauth_client_ids", Kind::ExactList(exact::WORD)),
    setting("mcp.required_scopes", Kind::ExactList(exact::WORD)),
    setting("metrics.enabled", Kind::Flag).or("true"),
    setting("metrics.host", Kind::Text),
    setting("metrics.port", from(0, 65_535)),
    setting("telemetry.otlp_endpoint", Kind::SecretUrl).also("OTEL_EXPORTER_OTLP_ENDPOINT"),
    setting("log.level", Kind::LogFilter).or("info").also("RUST_LOG"),
    setting("log.format", Kind::OneOf(&["pretty", "json"])).or("pretty"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_every_setting_with_its_default() {
        let documentation = include_str!("../../../../docs/configuration.md");
        for setting in SETTINGS {
            let row = documentation.lines().find(|line| line.starts_with(&format!("| `{}` |", setting.key)));
            let row = row.unwrap_or_else(|| panic!("{} is not documented", setting.key));
            assert!(row.contains(&format!("`{}`", setting.variable())), "{row}");
            assert!(setting.platform_variable.is_none_or(|name| row.contains(&format!("`{name}`"))), "{row}");
            assert!(setting.default.is_none_or(|default| row.contains(&format!("| `{default}` |"))), "{row}");
        }
        let rows = documentation
            .lines()
            .filter(|line| line.contains("`ICP__"))
            .filter(|line| line.starts_with("| `"));
        assert_eq!(rows.count(), SETTINGS.len(), "the documentation has a setting that there is not");
    }
}
