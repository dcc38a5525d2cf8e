use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use icp_settings::Settings;

const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Ask whether the service can do its work, and not only whether it lives
    #[arg(long)]
    ready: bool,
}

/// Asks the service on this machine that runs with these settings, as a container's health check does.
pub(super) fn run(settings: &Settings, options: &Options) -> anyhow::Result<()> {
    let path = if options.ready { "ready" } else { "live" };
    let url = format!("{}/health/{path}", address(settings));
    // It is this very machine, whatever name its certificate has.
    let client =
        reqwest::blocking::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().timeout(LIMIT);
    let answer = client.build()?.get(&url).send().with_context(|| format!("no answer from {url}"))?;
    let status = answer.status();
    let body = answer.text().unwrap_or_default();
    if !status.is_success() {
        bail!("{url} answered {status}: {body}");
    }
    println!("{body}");
    Ok(())
}

/// The operators' port, where there is one.
fn address(settings: &Settings) -> String {
    let (server, metrics) = (&settings.server, &settings.metrics);
    if let Some(port) = metrics.port {
        let host = metrics.host.as_ref().unwrap_or(&server.host);
        return format!("http://{}:{port}", reachable(host));
    }
    let scheme = if server.tls().is_some() { "https" } else { "http" };
    format!("{scheme}://{}:{}", reachable(&server.host), server.port)
}

/// Who listens on all addresses is reached on loopback.
fn reachable(host: &str) -> String {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(address)) if address.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn who_listens_everywhere_is_reached_here() {
        for (host, expected) in [
            ("0.0.0.0", "127.0.0.1"),
            ("::", "[::1]"),
            ("[::]", "[::1]"),
            ("10.0.0.7", "10.0.0.7"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(reachable(host), expected);
        }
    }
}
