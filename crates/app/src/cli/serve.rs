use std::fmt::Write as _;
use std::io::Write as _;

use crate::application::Application;
use crate::sample_sign_in::SampleSignIn;
use crate::settings::Settings;

pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let application = Application::build(settings).await?;
    let url = application.url();
    let mut greeting = format!("icp listens on {url}\n");
    if let Some(sign_in) = application.sample_sign_in() {
        let line = SampleSignIn::curl_line(&sign_in.token()?, &url);
        write!(
            greeting,
            "development sign-in, on this machine only; open {url}/docs, or try:\n\n{line}\n\n"
        )?;
    }
    // Whoever started the service may have closed its output, which is no reason not to serve.
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(greeting.as_bytes()).and_then(|()| output.flush());
    drop(output);
    application.run_until_stopped().await
}
