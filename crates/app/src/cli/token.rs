use std::time::Duration;

use anyhow::bail;
use clap::Args;
use icp_development::DevelopmentKey;
use icp_domain::{Caller, UserId};
use icp_ports::{Clock as _, SystemClock};

use super::output;
use icp_settings::Settings;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The ID of the user whom the token signs in
    #[arg(long, value_name = "ID")]
    user: UserId,
    /// Lifetime of the token, such as 90s, 30m, 1h or 7d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    ttl: Duration,
    /// Makes the user an admin
    #[arg(long)]
    admin: bool,
}

pub(super) fn run(settings: &Settings, options: Options) -> anyhow::Result<()> {
    if settings.auth.is_clerk() {
        bail!(
            "Clerk is configured, and `icp token` works only with the development sign-in; get a token from Clerk"
        );
    }
    let caller = if options.admin { Caller::admin(options.user) } else { Caller::user(options.user) };
    let key = DevelopmentKey::load()?;
    let token = key.token(&caller, options.ttl, SystemClock.now(), settings.auth.token_claims())?;
    Ok(output::print(format_args!("{token}\n"))?)
}
