use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use icp_domain::Caller;
use icp_ports::{Clock as _, SystemClock};

use crate::application::Application;
use crate::development::{DevelopmentKey, SAMPLE_USER};
use crate::settings::{Settings, SignIn};

/// For the token of the printed line: a working day, and not to be kept.
const TOKEN_LIFETIME: Duration = Duration::from_hours(12);

pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let application = Application::build(settings).await?;
    let address = application.address();
    let mut greeting = format!("icp listens on http://{address}\n");
    if matches!(settings.auth.sign_in, SignIn::Development) {
        let caller = Caller::user(SAMPLE_USER.try_into()?);
        let key = DevelopmentKey::load_or_make()?;
        let token = key.token(&caller, TOKEN_LIFETIME, SystemClock.now(), &settings.auth)?;
        write!(
            greeting,
            "development sign-in, on this machine only; try:\n\n\
             curl --header 'Authorization: Bearer {token}' http://{address}/api/v1/entities/icps\n\n"
        )?;
    }
    // Whoever started the service may have closed its output, which is no reason not to serve.
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(greeting.as_bytes()).and_then(|()| output.flush());
    drop(output);
    application.run_until_stopped().await
}
