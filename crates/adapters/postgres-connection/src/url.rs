//! Parses the URL of a database as libpq does (PostgreSQL's documentation, chapter "libpq", section "Connection URIs").
//!
//! This module splits the URL into its parts, and the driver (tokio-postgres) parses the value of each part. The driver
//! is not used for the complete URL. It would take an `@` in the query as the end of the credentials, and it supports
//! only half of the values of `sslmode`.

use std::fmt::Write as _;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::tls::{InvalidTls, Mode, TlsOptions, Trust};

/// The reason why the URL of a database cannot be used. No message contains the user, the password or the host.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    /// The text is not a PostgreSQL URL. Contains the reason.
    #[error("not a PostgreSQL URL such as postgres://user:password@host:5432/database: {0}")]
    Malformed(&'static str),
    /// The query of the URL has an unknown parameter, or `host` although the URL has a host already. Contains the name
    /// of the parameter and a remedy.
    #[error("the parameter `{0}` of the URL cannot be used: {1}")]
    UnknownParameter(String, &'static str),
    /// The driver refuses the value of a part or of a parameter.
    #[error("the URL has an invalid value: {0}")]
    Value(#[from] tokio_postgres::Error),
    /// `sslmode` is invalid or contradicts `sslrootcert`, or the trusted certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] InvalidTls),
}

/// The parameters that are passed to the driver. [`configure`] overrides `connect_timeout`. The other supported
/// parameters are `sslmode`, `sslrootcert`, `keepalives_count`, `host` and `port`.
const DRIVER_PARAMETERS: &str = "application_name channel_binding connect_timeout dbname hostaddr keepalives \
    keepalives_idle keepalives_interval options password sslnegotiation target_session_attrs tcp_user_timeout user";

/// The parameters that apply unless the URL sets them. With these values, an unreachable server is detected after 30
/// seconds. By default, Linux needs more than two hours.
const DEFAULT_PARAMETERS: &str =
    "application_name='icp' keepalives_idle='15' keepalives_interval='5' keepalives_retries='3' ";

/// Returns the driver's configuration of each host, in the order of the URL, and the TLS options.
///
/// `timeout` is the timeout of an attempt to connect.
pub(crate) fn parse(url: &str, timeout: Duration) -> Result<(Vec<Config>, TlsOptions), InvalidUrl> {
    let (credentials, address, query) = split(url)?;
    let (hosts, database) = address.split_once('/').unwrap_or((address, ""));
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let mut common = String::new();
    for (name, value) in [("user", user), ("password", password), ("dbname", database)] {
        push_parameter(&mut common, name, &percent_decode(value)?);
    }
    let (mut mode, mut trust, mut hosts, mut port) = (None, None, hosts.to_owned(), String::new());
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) =
            parameter.split_once('=').ok_or(InvalidUrl::Malformed("a parameter has no `=`"))?;
        let value = percent_decode(value)?;
        match name {
            "sslmode" => mode = Some(value),
            "sslrootcert" if value == "system" => trust = Some(Trust::System),
            "sslrootcert" => trust = Some(Trust::File(value.into())),
            "host" if hosts.is_empty() => hosts = value,
            "port" => port = value,
            "keepalives_count" => push_parameter(&mut common, "keepalives_retries", &value),
            _ if DRIVER_PARAMETERS.split(' ').any(|known| known == name) => {
                push_parameter(&mut common, name, &value);
            }
            // The name could be a part of the password: in `postgres://icp:a/b?c@db`, the query is `c@db`.
            _ if credentials.is_empty() && query.contains('@') => {
                return Err(InvalidUrl::Malformed(
                    "write `/`, `?` and `@` in a password as %2F, %3F and %40",
                ));
            }
            _ => return Err(InvalidUrl::UnknownParameter(name.to_owned(), remedy(name))),
        }
    }
    let tls = TlsOptions::new(mode.as_deref(), trust)?;
    let has_several_hosts = hosts.contains(',');
    let configs =
        hosts.split(',').map(|host| configure(&common, host, &port, has_several_hosts, &tls, timeout));
    Ok((configs.collect::<Result<_, _>>()?, tls))
}

/// Returns the remedy for an unknown parameter. Database providers display URLs that contain parameters of other
/// drivers.
fn remedy(name: &str) -> &'static str {
    match name {
        "pgbouncer" | "statement_cache_capacity" | "prepared_statements" => {
            "remove it; statements are always prepared, which PgBouncer supports in session mode or since version 1.21"
        }
        "connection_limit" | "pool_size" | "max_connections" => {
            "remove it, and set ICP__DATABASE__MAX_CONNECTIONS instead"
        }
        "pool_timeout" | "connection_timeout" => {
            "remove it, and set ICP__DATABASE__ACQUIRE_TIMEOUT_MILLISECONDS instead"
        }
        "schema" | "search_path" | "currentSchema" => "write it as options=-csearch_path%3Dname",
        "sslcert" | "sslkey" | "sslpassword" => "client certificates are not supported",
        "sslcrl" => "remove it; certificate revocation lists are not supported",
        "host" => "remove it; the URL has a host already",
        "keepalives_retries" => "write it as keepalives_count",
        _ => "remove it; docs/how-to/postgresql.md lists the supported parameters",
    }
}

/// Splits a URL into the credentials, the hosts with the path, and the query. Does not decode percent-encoding.
fn split(url: &str) -> Result<(&str, &str, &str), InvalidUrl> {
    let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
    let rest = rest.ok_or(InvalidUrl::Malformed("it does not begin with postgres://"))?;
    // The credentials end at the first `@`. An `@` after the first `/` is not a separator. A password may contain `?`.
    let path_start = rest.find('/').unwrap_or(rest.len());
    let (credentials, rest) =
        rest.split_once('@').filter(|(credentials, _)| credentials.len() < path_start).unwrap_or(("", rest));
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    if credentials.split(':').next().is_some_and(|user| user.contains('?')) {
        return Err(InvalidUrl::Malformed("write `?` in a user name as %3F, and `@` in a parameter as %40"));
    }
    if address.contains('@') {
        return Err(InvalidUrl::Malformed("write `@` in a user name or password as %40"));
    }
    Ok((credentials, address, query))
}

/// Returns the driver's configuration of one host. `common` contains the parameters of all hosts, as `name='value'`.
///
/// Each host has its own configuration, because `Connector` applies its timeout to each configuration. With a single
/// configuration for all hosts, the driver would have no timeout for a host that accepts the connection and sends
/// nothing.
fn configure(
    common: &str,
    host: &str,
    default_port: &str,
    has_several_hosts: bool,
    tls: &TlsOptions,
    timeout: Duration,
) -> Result<Config, InvalidUrl> {
    // Of two values of one parameter, the driver uses the last.
    let mut text = DEFAULT_PARAMETERS.to_owned();
    // If the URL has several hosts, only a host that accepts writes is used, because a failover can make another host
    // the primary. A `target_session_attrs` in the URL is added later, and takes precedence.
    if has_several_hosts {
        push_parameter(&mut text, "target_session_attrs", "read-write");
    }
    text.push_str(common);
    // An IPv6 address is in brackets: `[::1]:5432`.
    let (name, port) = match host.strip_prefix('[') {
        Some(host) => host.split_once(']').ok_or(InvalidUrl::Malformed("`[` has no `]`"))?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    push_parameter(&mut text, "host", &percent_decode(if name.is_empty() { "localhost" } else { name })?);
    let port = port.strip_prefix(':').filter(|port| !port.is_empty()).unwrap_or(default_port);
    push_parameter(&mut text, "port", port);
    let mut config: Config = text.parse()?;
    config.ssl_mode(match tls.mode {
        Mode::Disable => SslMode::Disable,
        Mode::Prefer => SslMode::Prefer,
        Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
    });
    config.connect_timeout(timeout);
    Ok(config)
}

/// Appends `name='value'` in the syntax of the driver, unless the value is empty.
fn push_parameter(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let value = value.replace('\\', "\\\\").replace('\'', "\\'");
        let _ = write!(text, "{name}='{value}' ");
    }
}

/// Decodes percent-encoding, such as `%2F`. Fails if `%` is not followed by two hexadecimal digits, or if the result is
/// not UTF-8.
fn percent_decode(value: &str) -> Result<String, InvalidUrl> {
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or(InvalidUrl::Malformed("write `%` as %25"))?;
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'));
        bytes.push(byte.ok_or(InvalidUrl::Malformed("write `%` as %25"))?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| InvalidUrl::Malformed("a percent-encoded value is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_postgres::Config;
    use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

    use super::{InvalidUrl, parse};
    use crate::tls::{Mode, TlsOptions, Trust};

    const TIMEOUT: Duration = Duration::from_secs(2);

    fn parse_hosts(url: &str) -> (Vec<Config>, TlsOptions) {
        parse(url, TIMEOUT).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn parse_first(url: &str) -> (Config, TlsOptions) {
        let (configs, tls) = parse_hosts(url);
        (configs.into_iter().next().expect("the URL must contain a host"), tls)
    }

    fn parse_error(url: &str) -> String {
        parse(url, TIMEOUT).expect_err(url).to_string()
    }

    #[test]
    fn ssl_modes_are_parsed_like_in_libpq() {
        for (query, mode, ssl_mode) in [
            ("", Mode::Prefer, SslMode::Prefer),
            ("?sslmode=disable", Mode::Disable, SslMode::Disable),
            ("?sslmode=prefer", Mode::Prefer, SslMode::Prefer),
            ("?sslmode=require", Mode::Require, SslMode::Require),
            // As in libpq, a file with trusted certificates makes `require` verify the certificate.
            ("?sslmode=require&sslrootcert=/ca.pem", Mode::VerifyCa, SslMode::Require),
            ("?sslmode=verify-ca&sslrootcert=/ca.pem", Mode::VerifyCa, SslMode::Require),
            ("?sslmode=verify-full", Mode::VerifyFull, SslMode::Require),
        ] {
            let (config, tls) = parse_first(&format!("postgres://icp@db.example.com/icp{query}"));
            assert_eq!((tls.mode, config.get_ssl_mode()), (mode, ssl_mode), "{query}");
        }
        let (_, tls) =
            parse_first("postgres://db/icp?sslrootcert=/a%20b%2Fca.pem&sslmode=verify-ca&application_name=x");
        assert_eq!(tls.trust, Some(Trust::File("/a b/ca.pem".into())));
        for query in ["sslmode=verify-full&sslrootcert=system", "sslrootcert=system"] {
            let (_, tls) = parse_first(&format!("postgres://db/icp?{query}"));
            assert_eq!((tls.trust, tls.mode), (Some(Trust::System), Mode::VerifyFull), "{query}");
        }
        assert!(parse_error("postgres://db/icp?sslmode=require&sslrootcert=system").contains("verify-full"));
        assert!(parse_error("postgres://db/icp?sslmode=verify").contains("verify-full"));
    }

    #[test]
    fn separator_characters_are_allowed_in_other_parts() {
        for (url, user, password, host, database, application, mode) in [
            (
                "postgres://icp@127.0.0.1:1/db?sslmode=require&application_name=icp@prod",
                Some("icp"),
                None,
                "127.0.0.1",
                Some("db"),
                "icp@prod",
                SslMode::Require,
            ),
            (
                "postgres://db/icp?application_name=a/b@c:d&sslmode=require",
                None,
                None,
                "db",
                Some("icp"),
                "a/b@c:d",
                SslMode::Require,
            ),
            (
                "postgres://icp:se?cret@db/icp?sslmode=require",
                Some("icp"),
                Some("se?cret"),
                "db",
                Some("icp"),
                "icp",
                SslMode::Require,
            ),
            (
                "postgresql://a%40b:p%2Fw%27%5C@db?sslmode=disable",
                Some("a@b"),
                Some("p/w'\\"),
                "db",
                None,
                "icp",
                SslMode::Disable,
            ),
            (
                "postgres://icp:a:b@db/icp",
                Some("icp"),
                Some("a:b"),
                "db",
                Some("icp"),
                "icp",
                SslMode::Prefer,
            ),
            ("postgres:///icp?host=%2Frun%2Fpg", None, None, "/run/pg", Some("icp"), "icp", SslMode::Prefer),
        ] {
            let (config, _) = parse_first(url);
            let parsed_host = match config.get_hosts().first().expect("the URL must contain a host") {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            };
            assert_eq!(parsed_host, host, "{url}");
            assert_eq!(config.get_user(), user, "{url}");
            assert_eq!(config.get_password(), password.map(str::as_bytes), "{url}");
            assert_eq!(config.get_dbname(), database, "{url}");
            assert_eq!(config.get_application_name(), Some(application), "{url}");
            assert_eq!(config.get_ssl_mode(), mode, "{url}");
        }
        for url in [
            "postgres://db?sslmode=require&application_name=icp@prod",
            "postgres://icp:p@ss@db/icp?sslmode=require",
            "postgres://icp:100%@db/icp",
            "mysql://db/icp",
        ] {
            assert!(parse_error(url).contains("not a PostgreSQL URL"), "{url}");
        }
    }

    #[test]
    fn error_for_unknown_parameter_has_remedy() {
        for (query, remedy) in [
            ("pgbouncer=true", "remove it"),
            ("schema=public", "options=-csearch_path"),
            ("connection_limit=5", "ICP__DATABASE__MAX_CONNECTIONS"),
            ("colour=red", "remove it"),
        ] {
            let message = parse_error(&format!("postgres://icp:secret@db/icp?sslmode=require&{query}"));
            let name = query.split('=').next().expect("the parameter must have a name");
            assert!(message.contains(&format!("`{name}`")) && message.contains(remedy), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        let message = parse_error("postgres://icp:pass/word?secret=1@db/icp");
        assert!(message.contains("%2F") && !message.contains("secret"), "{message}");
        let error = parse("postgres://db/icp?connect_timeout=soon", TIMEOUT)
            .expect_err("a timeout that is no number must be refused");
        assert!(matches!(error, InvalidUrl::Value(_)), "{error}");
    }

    #[test]
    fn keepalives_of_url_replace_defaults() {
        let keepalives = |url: &str| {
            let (config, _) = parse_first(url);
            (config.get_keepalives_idle().as_secs(), config.get_keepalives_retries())
        };
        assert_eq!(keepalives("postgres://db/icp"), (15, Some(3)));
        assert_eq!(keepalives("postgres://db/icp?keepalives_idle=7&keepalives_count=2"), (7, Some(2)));
    }

    #[test]
    fn several_hosts_require_writable_server() {
        let session_attrs = |url: &str| parse_first(url).0.get_target_session_attrs();
        assert_eq!(session_attrs("postgres://a,b:5433/icp"), TargetSessionAttrs::ReadWrite);
        assert_eq!(session_attrs("postgres://a,b/icp?target_session_attrs=any"), TargetSessionAttrs::Any);
        assert_eq!(session_attrs("postgres://a/icp"), TargetSessionAttrs::Any);
        let url_with_attrs_in_password = "postgres://me:target_session_attrs=any@a,b/icp";
        assert_eq!(session_attrs(url_with_attrs_in_password), TargetSessionAttrs::ReadWrite);
    }

    #[test]
    fn each_host_has_its_own_configuration() {
        let (configs, _) =
            parse_hosts("postgres://me:p,a%40ss@a:5433,b,[::1]:5434/icp?application_name=x&port=5435");
        let hosts: Vec<_> = configs
            .iter()
            .map(|config| format!("{:?}{:?}", config.get_hosts(), config.get_ports()))
            .collect();
        assert_eq!(hosts, [r#"[Tcp("a")][5433]"#, r#"[Tcp("b")][5435]"#, r#"[Tcp("::1")][5434]"#]);
        let has_common_values =
            |config: &Config| config.get_password() == Some(b"p,a@ss") && config.get_dbname() == Some("icp");
        assert!(configs.iter().all(has_common_values));
    }
}
