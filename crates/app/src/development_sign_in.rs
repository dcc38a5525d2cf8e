//! The development sign-in of the sample user, who is a user of the sample ICPs.

use std::time::Duration;

use icp_development::{DevelopmentKey, SAMPLE_USER};
use icp_domain::Caller;
use icp_ports::{Clock as _, SystemClock};

use icp_settings::AuthSettings;

/// Lifetime of the token in the start message. It is long enough for a working day.
const TOKEN_LIFETIME: Duration = Duration::from_hours(12);

/// Issues tokens of the sample user for the start message.
pub(crate) struct DevelopmentSignIn {
    key: DevelopmentKey,
    caller: Caller,
    settings: AuthSettings,
}

impl DevelopmentSignIn {
    /// Loads or creates the development key. Returns `None` if Clerk is configured.
    pub(crate) fn new(settings: &AuthSettings) -> anyhow::Result<Option<Self>> {
        if settings.is_clerk() {
            return Ok(None);
        }
        let (key, caller) = (DevelopmentKey::load_or_create()?, Caller::user(SAMPLE_USER.try_into()?));
        Ok(Some(Self { key, caller, settings: settings.clone() }))
    }

    fn token(&self) -> anyhow::Result<String> {
        self.key.token(&self.caller, TOKEN_LIFETIME, SystemClock.now(), self.settings.token_claims())
    }

    /// Returns the start message of the service at `url`: the sample user, the documentation page for this user, and a
    /// command that lists the sample ICPs.
    pub(crate) fn start_message(&self, url: &str) -> anyhow::Result<String> {
        let token = self.token()?;
        Ok(format!(
            "signed in as {} (development sign-in, on this machine only)\n\
             documentation for this user: {url}/docs#token={token}\n\
             curl -H 'Authorization: Bearer {token}' {url}/api/v1/entities/icps\n",
            self.caller.user_id().as_str()
        ))
    }
}

impl std::fmt::Debug for DevelopmentSignIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DevelopmentSignIn").field("caller", &self.caller).finish_non_exhaustive()
    }
}
