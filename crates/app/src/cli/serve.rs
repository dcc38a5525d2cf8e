use std::io::Write as _;

use crate::application::Application;
use icp_settings::Settings;

pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let application = Application::build(settings).await?;
    let url = application.url();
    let mut greeting = format!("icp listens on {url}\n");
    if let Some(sign_in) = application.sample_sign_in() {
        greeting += &sign_in.greeting(&url)?;
    }
    // The output may be closed: the service serves all the same.
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(greeting.as_bytes()).and_then(|()| output.flush());
    drop(output);
    application.run_until_stopped().await
}
