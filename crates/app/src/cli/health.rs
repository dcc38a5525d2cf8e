use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use icp_settings::Settings;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Options {
    #[command(flatten)]
    pub(super) server: super::serve::Options,
    /// Request the readiness of the service instead of its liveness
    #[arg(long)]
    ready: bool,
}

/// Requests and prints the health of the service that runs with these settings on this machine. Fails if the service is
/// not healthy, or does not respond within [`REQUEST_TIMEOUT`].
pub(super) fn run(settings: &Settings, options: &Options) -> anyhow::Result<()> {
    let path = if options.ready { "ready" } else { "live" };
    let url = format!("{}/health/{path}", base_url(settings));
    // The certificate is valid for the public name of the service, not for this address. The request stays on this
    // machine.
    let client = reqwest::blocking::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .no_proxy()
        .timeout(REQUEST_TIMEOUT);
    let response = client.build()?.get(&url).send().with_context(|| format!("no response from {url}"))?;
    let status = response.status();
    let body = response.text().unwrap_or_default();
    if !status.is_success() {
        bail!("{url} returned {status}: {body}");
    }
    println!("{body}");
    Ok(())
}

/// Returns the base URL of the port for operators if it is configured, and otherwise that of the API.
fn base_url(settings: &Settings) -> String {
    let (server, metrics) = (&settings.server, &settings.metrics);
    if let Some(port) = metrics.port {
        let host = metrics.host.as_ref().unwrap_or(&server.host);
        return format!("http://{}:{port}", host_to_connect(host));
    }
    let scheme = if server.tls().is_some() { "https" } else { "http" };
    format!("{scheme}://{}:{}", host_to_connect(&server.host), server.port)
}

/// Returns the host to which a client on this machine connects. If the service listens on all addresses, this is
/// loopback.
fn host_to_connect(host: &str) -> String {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(address)) if address.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::host_to_connect;

    #[test]
    fn client_uses_loopback_for_unspecified_address() {
        for (host, expected) in [
            ("0.0.0.0", "127.0.0.1"),
            ("::", "[::1]"),
            ("[::]", "[::1]"),
            ("10.0.0.7", "10.0.0.7"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(host_to_connect(host), expected);
        }
    }
}
