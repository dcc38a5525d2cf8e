//! Reads the URL of a database as libpq does (PostgreSQL's documentation, section 34.1.1.2).
//!
//! The parts are separated here, and their values are the driver's to read. The driver itself searches `@` in the whole
//! URL, and knows half of the values of `sslmode`.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use crate::database::Limits;
use crate::tls::{Encryption, InvalidTls, TlsOptions, Trust};

/// A URL cannot be used. The messages quote neither user, password nor host.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    /// It does not have the form of a URL.
    #[error("not a PostgreSQL URL such as postgres://user:password@host:5432/database: {0}")]
    Malformed(&'static str),
    /// A parameter is not known.
    #[error("unknown parameter `{name}` in the URL: {remedy}")]
    UnknownParameter {
        /// The name of the parameter.
        name: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The driver refuses a value.
    #[error("the URL has a bad value: {0}")]
    Value(#[from] tokio_postgres::Error),
    /// The parameters about encryption contradict each other, or their certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] InvalidTls),
}

/// The parameters that the driver reads.
const PARAMETERS: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "options",
    "password",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Returns a configuration for each host, in the order of the URL, and how connections are encrypted.
pub(crate) fn parse(url: &str, limits: &Limits) -> Result<(Vec<Config>, TlsOptions), InvalidUrl> {
    let parts = Parts::of(url)?;
    let (mut mode, mut trust) = (None, None);
    let mut common = String::new();
    for (name, value) in [("user", parts.user), ("password", parts.password), ("dbname", parts.database)] {
        if let Some(value) = value {
            push(&mut common, name, &decoded(value)?);
        }
    }
    let (mut hosts, mut ports) = (parts.hosts.to_owned(), None);
    for parameter in parts.query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) =
            parameter.split_once('=').ok_or(InvalidUrl::Malformed("a parameter has no `=`"))?;
        let value = decoded(value)?;
        match name {
            "sslmode" => mode = Some(value),
            "sslrootcert" if value == "system" => trust = Some(Trust::System),
            "sslrootcert" => trust = Some(Trust::File(value.into())),
            "host" if hosts.is_empty() => hosts = value,
            "port" => ports = Some(value),
            _ if PARAMETERS.contains(&name) => push(&mut common, name, &value),
            _ => return Err(InvalidUrl::UnknownParameter { name: name.to_owned(), remedy: remedy(name) }),
        }
    }
    let tls = TlsOptions::new(mode.as_deref(), trust)?;
    let hosts: Vec<&str> = hosts.split(',').collect();
    let configs =
        hosts.iter().map(|host| configure(&common, host, ports.as_deref(), hosts.len() > 1, &tls, limits));
    Ok((configs.collect::<Result<_, _>>()?, tls))
}

/// What to do about a parameter of other drivers, as dashboards put them into URLs.
fn remedy(name: &str) -> &'static str {
    match name {
        "pgbouncer" | "statement_cache_capacity" | "prepared_statements" => {
            "remove it; statements are always prepared, which PgBouncer supports in session mode or from version 1.21 on"
        }
        "connection_limit" | "pool_size" | "max_connections" => {
            "remove it, and set ICP__DATABASE__MAX_CONNECTIONS instead"
        }
        "pool_timeout" | "connection_timeout" => {
            "remove it, and set ICP__DATABASE__ACQUIRE_TIMEOUT_MILLISECONDS instead"
        }
        "schema" | "search_path" | "currentSchema" => "write it as options=-csearch_path%3Dname",
        "sslcert" | "sslkey" | "sslpassword" | "sslcrl" => "client certificates are not supported",
        _ => "remove it; docs/operations/postgresql.md lists the supported ones",
    }
}

/// The parts of a URL, still encoded.
struct Parts<'a> {
    user: Option<&'a str>,
    password: Option<&'a str>,
    /// Separated by commas.
    hosts: &'a str,
    database: Option<&'a str>,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Result<Self, InvalidUrl> {
        let scheme = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
        let rest = scheme.ok_or(InvalidUrl::Malformed("it does not begin with postgres://"))?;
        // The first `@` ends the credentials, if it comes before the path. A password may contain `?`.
        let path = rest.find('/').unwrap_or(rest.len());
        let at = rest.find('@').filter(|at| *at < path);
        let (credentials, rest) = match at {
            Some(at) => (rest.get(..at), rest.get(at + 1..).unwrap_or_default()),
            None => (None, rest),
        };
        let (user, password) = match credentials.map(|text| text.split_once(':').unwrap_or((text, ""))) {
            Some((user, _)) if user.contains('?') => {
                return Err(InvalidUrl::Malformed(
                    "write `?` in a user name as %3F, and `@` in a parameter as %40",
                ));
            }
            Some((user, password)) => {
                (Some(user), credentials.filter(|text| text.contains(':')).map(|_| password))
            }
            None => (None, None),
        };
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, database) = match address.split_once('/') {
            Some((hosts, database)) => (hosts, Some(database).filter(|database| !database.is_empty())),
            None => (address, None),
        };
        if hosts.contains('@') {
            return Err(InvalidUrl::Malformed("write `@` in a user name or password as %40"));
        }
        Ok(Self { user: user.filter(|user| !user.is_empty()), password, hosts, database, query })
    }
}

/// The driver takes several hosts, but then waits without end for the first that accepts a connection and says nothing.
fn configure(
    common: &str,
    host: &str,
    ports: Option<&str>,
    is_one_of_several: bool,
    tls: &TlsOptions,
    limits: &Limits,
) -> Result<Config, InvalidUrl> {
    let mut text = common.to_owned();
    // `[::1]:5432`
    let (name, port) = match host.strip_prefix('[') {
        Some(host) => {
            let (name, port) = host.split_once(']').ok_or(InvalidUrl::Malformed("`[` has no `]`"))?;
            (name, port.strip_prefix(':'))
        }
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let name = if name.is_empty() { "localhost".to_owned() } else { decoded(name)? };
    push(&mut text, "host", &name);
    if let Some(port) = port.or(ports).filter(|port| !port.is_empty()) {
        push(&mut text, "port", port);
    }
    let mut config: Config = text.parse()?;
    config.ssl_mode(match tls.encryption {
        Encryption::Off => SslMode::Disable,
        Encryption::Preferred => SslMode::Prefer,
        Encryption::Required(_) => SslMode::Require,
    });
    // Of several hosts, the one that takes writes is wanted, which can be another tomorrow.
    if is_one_of_several && !common.contains("target_session_attrs") {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    config.connect_timeout(limits.connect);
    // A peer that vanished is noticed after half a minute, not after two hours.
    config.keepalives_idle(Duration::from_secs(15));
    config.keepalives_interval(Duration::from_secs(5));
    config.keepalives_retries(3);
    if config.get_application_name().is_none() {
        config.application_name("icp");
    }
    Ok(config)
}

/// Appends `name='value'` in the driver's own form.
fn push(text: &mut String, name: &str, value: &str) {
    let value = value.replace('\\', "\\\\").replace('\'', "\\'");
    text.push_str(&format!("{name}='{value}' "));
}

/// Decodes `%2F`.
fn decoded(value: &str) -> Result<String, InvalidUrl> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        (bytes, rest) = if byte == b'%' {
            let digits = after.first_chunk::<2>().and_then(|digits| std::str::from_utf8(digits).ok());
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.push(byte.ok_or(InvalidUrl::Malformed("write `%` as %25"))?);
            (bytes, after.get(2..).unwrap_or_default())
        } else {
            bytes.push(byte);
            (bytes, after)
        };
    }
    String::from_utf8(bytes).map_err(|_| InvalidUrl::Malformed("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use tokio_postgres::Config;
    use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

    use super::{InvalidUrl, parse};
    use crate::database::Limits;
    use crate::tls::{Encryption, TlsOptions, Trust, Verification};

    fn read_all(url: &str) -> (Vec<Config>, TlsOptions) {
        parse(url, &Limits::default()).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn read(url: &str) -> (Config, TlsOptions) {
        let (configs, tls) = read_all(url);
        (configs.into_iter().next().expect("a host"), tls)
    }

    fn refusal(url: &str) -> String {
        parse(url, &Limits::default()).expect_err(url).to_string()
    }

    #[test]
    fn modes_mean_what_they_mean_to_libpq() {
        let required = Encryption::Required;
        for (query, encryption, mode) in [
            ("", Encryption::Preferred, SslMode::Prefer),
            ("?sslmode=disable", Encryption::Off, SslMode::Disable),
            ("?sslmode=prefer", Encryption::Preferred, SslMode::Prefer),
            ("?sslmode=require", required(Verification::None), SslMode::Require),
            // As in libpq: certificates to trust are there to be checked.
            ("?sslmode=require&sslrootcert=/ca.pem", required(Verification::Chain), SslMode::Require),
            ("?sslmode=verify-ca&sslrootcert=/ca.pem", required(Verification::Chain), SslMode::Require),
            ("?sslmode=verify-full", required(Verification::ChainAndName), SslMode::Require),
        ] {
            let (config, tls) = read(&format!("postgres://icp@db.example.com/icp{query}"));
            assert_eq!((tls.encryption, config.get_ssl_mode()), (encryption, mode), "{query}");
        }
        let (_, tls) =
            read("postgres://db/icp?sslrootcert=/a%20b%2Fca.pem&sslmode=verify-ca&application_name=x");
        assert_eq!(tls.trust, Some(Trust::File("/a b/ca.pem".into())));
        for query in ["sslmode=verify-full&sslrootcert=system", "sslrootcert=system"] {
            let (_, tls) = read(&format!("postgres://db/icp?{query}"));
            let expected = (Some(Trust::System), required(Verification::ChainAndName));
            assert_eq!((tls.trust, tls.encryption), expected, "{query}");
        }
        assert!(refusal("postgres://db/icp?sslmode=require&sslrootcert=system").contains("verify-full"));
        assert!(refusal("postgres://db/icp?sslmode=verify").contains("verify-full"));
    }

    #[test]
    fn separators_count_in_their_part_only() {
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
            let (config, _) = read(url);
            let found = match config.get_hosts().first().expect("a host") {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            };
            assert_eq!(found, host, "{url}");
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
            assert!(refusal(url).contains("not a PostgreSQL URL"), "{url}");
        }
    }

    #[test]
    fn unknown_parameter_is_named_with_remedy() {
        for (query, remedy) in [
            ("pgbouncer=true", "remove it"),
            ("schema=public", "options=-csearch_path"),
            ("connection_limit=5", "ICP__DATABASE__MAX_CONNECTIONS"),
            ("colour=red", "remove it"),
        ] {
            let message = refusal(&format!("postgres://icp:secret@db/icp?sslmode=require&{query}"));
            let name = query.split('=').next().expect("a name");
            assert!(message.contains(&format!("`{name}`")) && message.contains(remedy), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        let error =
            parse("postgres://db/icp?connect_timeout=soon", &Limits::default()).expect_err("no number");
        assert!(matches!(error, InvalidUrl::Value(_)), "{error}");
    }

    #[test]
    fn several_hosts_want_one_that_takes_writes() {
        let wanted = |url: &str| read(url).0.get_target_session_attrs();
        assert_eq!(wanted("postgres://a,b:5433/icp"), TargetSessionAttrs::ReadWrite);
        assert_eq!(wanted("postgres://a,b/icp?target_session_attrs=any"), TargetSessionAttrs::Any);
        assert_eq!(wanted("postgres://a/icp"), TargetSessionAttrs::Any);
    }

    #[test]
    fn each_host_has_its_configuration() {
        let (configs, _) =
            read_all("postgres://me:p,a%40ss@a:5433,b,[::1]:5434/icp?application_name=x&port=5435");
        let hosts: Vec<_> = configs
            .iter()
            .map(|config| format!("{:?}{:?}", config.get_hosts(), config.get_ports()))
            .collect();
        assert_eq!(hosts, [r#"[Tcp("a")][5433]"#, r#"[Tcp("b")][5435]"#, r#"[Tcp("::1")][5434]"#]);
        let is_common =
            |config: &Config| config.get_password() == Some(b"p,a@ss") && config.get_dbname() == Some("icp");
        assert!(configs.iter().all(is_common));
    }
}
