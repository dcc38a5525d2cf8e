//! What a URL says: of it, the parameters about encryption are read here, since the driver knows half of their values.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use crate::limits::Limits;
use crate::tls::{Encryption, InvalidTls, TlsOptions, Trust};

/// Why a URL is of no use. The messages never quote it, since it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    /// It cannot be read.
    #[error("not a PostgreSQL URL such as postgres://user:password@host:5432/database: {0}")]
    Malformed(#[from] tokio_postgres::Error),
    /// What it says about encryption makes no sense.
    #[error(transparent)]
    Tls(#[from] InvalidTls),
}

/// Where to connect, one configuration for each host in the order of the URL, and how connections are encrypted.
pub(crate) fn parse(url: &str, limits: &Limits) -> Result<(Vec<Config>, TlsOptions), InvalidUrl> {
    let (url, tls) = without_encryption(url)?;
    let urls = one_for_each_host(&url);
    let is_one_of_several = urls.len() > 1;
    let configs = urls.iter().map(|url| configure(url, is_one_of_several, &tls, limits));
    Ok((configs.collect::<Result<_, _>>()?, tls))
}

/// The driver takes several hosts, and then waits without end for the first that accepts a connection and says nothing.
fn one_for_each_host(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{path}")).collect()
}

fn configure(
    url: &str,
    is_one_of_several: bool,
    tls: &TlsOptions,
    limits: &Limits,
) -> Result<Config, tokio_postgres::Error> {
    let mut config: Config = url.parse()?;
    config.ssl_mode(match tls.encryption {
        Encryption::Off => SslMode::Disable,
        Encryption::Preferred => SslMode::Prefer,
        Encryption::Required(_) => SslMode::Require,
    });
    // Of several hosts, the one that takes writes is wanted, which may be another tomorrow.
    if is_one_of_several && !url.contains("target_session_attrs") {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    config.connect_timeout(limits.connect);
    // A peer that vanished without a word is noticed after half a minute, not after two hours.
    config.keepalives_idle(Duration::from_secs(15));
    config.keepalives_interval(Duration::from_secs(5));
    config.keepalives_retries(3);
    if config.get_application_name().is_none() {
        config.application_name("icp");
    }
    Ok(config)
}

/// Takes `sslmode` and `sslrootcert` out of a URL's query.
fn without_encryption(url: &str) -> Result<(String, TlsOptions), InvalidTls> {
    // A password may hold a question mark.
    let credentials = url.rfind('@').map_or(0, |at| at + 1);
    let Some(question) = url.get(credentials..).and_then(|rest| rest.find('?')) else {
        return Ok((url.to_owned(), TlsOptions::new(None, None)?));
    };
    let (address, query) = url.split_at(credentials + question);
    let query = query.strip_prefix('?').unwrap_or(query);
    let (mut mode, mut roots, mut others) = (None, None, Vec::new());
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value),
            Some(("sslrootcert", value)) => roots = Some(decoded(value)),
            _ => others.push(parameter),
        }
    }
    let separator = if others.is_empty() { "" } else { "?" };
    let trust =
        roots.map(|roots| if roots == "system" { Trust::System } else { Trust::File(PathBuf::from(roots)) });
    Ok((format!("{address}{separator}{}", others.join("&")), TlsOptions::new(mode, trust)?))
}

/// A path may hold what a URL may not.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| after.first_chunk::<2>()).flatten();
        let escaped =
            escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = escaped.and_then(|_| after.get(2..)).unwrap_or(after);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::{SslMode, TargetSessionAttrs};

    use super::{InvalidUrl, parse};
    use crate::limits::Limits;
    use crate::tls::{Encryption, TlsOptions, Trust, Verification};

    fn read_all(url: &str) -> (Vec<tokio_postgres::Config>, TlsOptions) {
        parse(url, &Limits::default()).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn read(url: &str) -> (tokio_postgres::Config, TlsOptions) {
        let (configs, tls) = read_all(url);
        (configs.into_iter().next().expect("a host"), tls)
    }

    #[test]
    fn the_modes_mean_what_they_mean_to_libpq() {
        let file = |verification| Encryption::Required(verification);
        for (query, encryption, mode) in [
            ("", Encryption::Preferred, SslMode::Prefer),
            ("?sslmode=disable", Encryption::Off, SslMode::Disable),
            ("?sslmode=prefer", Encryption::Preferred, SslMode::Prefer),
            ("?sslmode=require", file(Verification::None), SslMode::Require),
            // As in libpq: who names whom to trust wants it checked.
            ("?sslmode=require&sslrootcert=/ca.pem", file(Verification::Chain), SslMode::Require),
            ("?sslmode=verify-ca&sslrootcert=/ca.pem", file(Verification::Chain), SslMode::Require),
            ("?sslmode=verify-full", file(Verification::ChainAndName), SslMode::Require),
        ] {
            let (config, tls) = read(&format!("postgres://icp@db.example.com/icp{query}"));
            assert_eq!((tls.encryption, config.get_ssl_mode()), (encryption, mode), "{query}");
        }
        let (_, tls) =
            read("postgres://db/icp?sslrootcert=/a%20b%2Fca.pem&sslmode=verify-ca&application_name=x");
        assert_eq!(tls.trust, Some(Trust::File("/a b/ca.pem".into())));
        for query in ["sslmode=verify-full&sslrootcert=system", "sslrootcert=system"] {
            let (_, tls) = read(&format!("postgres://db/icp?{query}"));
            assert_eq!(
                (tls.trust, tls.encryption),
                (Some(Trust::System), file(Verification::ChainAndName)),
                "{query}"
            );
        }
        let weak = parse("postgres://db/icp?sslmode=require&sslrootcert=system", &Limits::default());
        assert!(weak.expect_err("it would say nothing").to_string().contains("verify-full"));
        let (config, _) = read("postgres://icp:se?cret@db/icp?sslmode=require");
        assert_eq!((config.get_ssl_mode(), config.get_password()), (SslMode::Require, Some(&b"se?cret"[..])));
    }

    #[test]
    fn other_parameters_are_the_drivers() {
        let (config, _) = read("postgres://db/icp?application_name=a&sslmode=require&connect_timeout=9");
        assert_eq!(config.get_application_name(), Some("a"));
        let error = parse("postgres://db/icp?colour=red", &Limits::default()).expect_err("it is not known");
        assert!(matches!(error, InvalidUrl::Malformed(_)));
    }

    #[test]
    fn of_several_hosts_one_that_takes_writes_is_wanted_unless_it_is_said() {
        let wanted = |url: &str| read(url).0.get_target_session_attrs();
        assert_eq!(wanted("postgres://a,b:5433/icp"), TargetSessionAttrs::ReadWrite);
        assert_eq!(wanted("postgres://a,b/icp?target_session_attrs=any"), TargetSessionAttrs::Any);
        assert_eq!(wanted("postgres://a/icp"), TargetSessionAttrs::Any);
    }

    #[test]
    fn each_host_is_tried_by_itself() {
        let (configs, _) = read_all("postgres://me:p,a%40ss@a:5433,b,[::1]:5434/icp?application_name=x");
        let hosts: Vec<_> = configs
            .iter()
            .map(|config| format!("{:?}{:?}", config.get_hosts(), config.get_ports()))
            .collect();
        assert_eq!(hosts, [r#"[Tcp("a")][5433]"#, r#"[Tcp("b")][5432]"#, r#"[Tcp("::1")][5434]"#]);
        assert!(
            configs
                .iter()
                .all(|config| config.get_password() == Some(b"p,a@ss") && config.get_dbname() == Some("icp"))
        );
    }

    #[test]
    fn a_mode_that_is_none_is_refused_and_the_url_kept_secret() {
        let error = parse("postgres://icp:secret@db/icp?sslmode=verify", &Limits::default());
        let message = error.expect_err("there is no such mode").to_string();
        assert!(message.contains("verify-full") && !message.contains("secret"), "{message}");
    }
}
