use std::fmt::Write as _;
use std::io::Write as _;

use clap::Args;

use crate::application::Application;
use icp_settings::Settings;

/// Options that override settings of the service.
#[derive(Debug, Default, Args)]
pub(super) struct Options {
    /// The address that the service listens on; overrides the setting server.host
    #[arg(long)]
    host: Option<String>,
    /// The port that the service listens on, 0 for a free one; overrides the setting server.port
    #[arg(long)]
    port: Option<u16>,
}

impl Options {
    /// Returns the keys and values of the settings that the command line overrides.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let (host, port) = (self.host.clone(), self.port.map(|port| port.to_string()));
        [("server.host", host), ("server.port", port)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect()
    }
}

/// Prints the start message to standard output, and runs the service until it is stopped.
pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let application = Application::build(settings).await?;
    let url = application.url();
    let mut start_message = format!("icp listens on {url}\n");
    if settings.mcp.enabled {
        writeln!(start_message, "endpoint for AI assistants (MCP): {url}/mcp")?;
    }
    if let Some(sign_in) = application.development_sign_in() {
        start_message += &sign_in.start_message(&url)?;
    }
    // A closed standard output must not stop the service, so the error is ignored.
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(start_message.as_bytes()).and_then(|()| output.flush());
    drop(output);
    application.run_until_stopped().await
}
