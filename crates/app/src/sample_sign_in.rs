//! The development sign-in of the user whom the sample ICPs name, for whoever wants to try the API out.

use std::time::Duration;

use icp_domain::Caller;
use icp_ports::{Clock as _, SystemClock};

use crate::development::{DevelopmentKey, SAMPLE_USER};
use crate::settings::{AuthSettings, SignIn};

/// A working day, and not to be kept.
const TOKEN_LIFETIME: Duration = Duration::from_hours(12);

/// Makes tokens for the printed `curl` line and for the pages.
pub(crate) struct SampleSignIn {
    key: DevelopmentKey,
    caller: Caller,
    settings: AuthSettings,
}

impl SampleSignIn {
    /// `None` where Clerk decides who is signed in.
    pub(crate) fn new(settings: &AuthSettings) -> anyhow::Result<Option<Self>> {
        match settings.sign_in {
            SignIn::Clerk(_) => Ok(None),
            SignIn::Development => Ok(Some(Self {
                key: DevelopmentKey::load_or_make()?,
                caller: Caller::user(SAMPLE_USER.try_into()?),
                settings: settings.clone(),
            })),
        }
    }

    /// Who is signed in.
    pub(crate) fn user(&self) -> &str {
        self.caller.user_id().as_str()
    }

    /// A new token.
    pub(crate) fn token(&self) -> anyhow::Result<String> {
        self.key.token(&self.caller, TOKEN_LIFETIME, SystemClock.now(), &self.settings)
    }

    /// A line to paste into a shell, which lists the sample ICPs.
    pub(crate) fn curl_line(token: &str, url: &str) -> String {
        format!("curl --header 'Authorization: Bearer {token}' {url}/api/v1/entities/icps")
    }
}

impl std::fmt::Debug for SampleSignIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SampleSignIn").field("caller", &self.caller).finish_non_exhaustive()
    }
}
