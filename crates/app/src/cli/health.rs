use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use icp_settings::Settings;

/// Time limit of the request.
const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Request the readiness of the service instead of its liveness
    #[arg(long)]
    ready: bool,
}

/// Requests the health of the service that runs with these settings on this machine.
pub(super) fn run(settings: &Settings, options: &Options) -> anyhow::Result<()> {
    let path = if options.ready { "ready" } else { "live" };
    let url = format!("{}/health/{path}", address(settings));
    // The address is on this machine, but the certificate has another name.
    let client =
        reqwest::blocking::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().timeout(LIMIT);
    let response = client.build()?.get(&url).send().with_context(|| format!("no response from {url}"))?;
    let status = response.status();
    let body = response.text().unwrap_or_default();
    if !status.is_success() {
        bail!("{url} returned {status}: {body}");
    }
    println!("{body}");
    Ok(())
}

/// Returns the URL of the service: of the port for operators, if there is one.
fn address(settings: &Settings) -> String {
    let (server, metrics) = (&settings.server, &settings.metrics);
    if let Some(port) = metrics.port {
        let host = metrics.host.as_ref().unwrap_or(&server.host);
        return format!("http://{}:{port}", reachable(host));
    }
    let scheme = if server.tls().is_some() { "https" } else { "http" };
    format!("{scheme}://{}:{}", reachable(&server.host), server.port)
}

/// Returns an address to connect to. A service that listens on all addresses is reached on loopback.
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
    fn unspecified_address_is_reached_on_loopback() {
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
