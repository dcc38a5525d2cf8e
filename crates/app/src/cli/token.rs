use std::time::Duration;

use anyhow::bail;
use clap::Args;
use icp_domain::{Caller, UserId};
use icp_ports::{Clock as _, SystemClock};

use super::output;
use crate::development::DevelopmentKey;
use crate::settings::{Settings, SignIn};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The user who is signed in
    #[arg(long, value_name = "ID")]
    user: UserId,
    /// How long it counts: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = lifetime)]
    ttl: Duration,
    /// Makes the user an admin
    #[arg(long)]
    admin: bool,
}

pub(super) fn run(settings: &Settings, options: Options) -> anyhow::Result<()> {
    if matches!(settings.auth.sign_in, SignIn::Clerk(_)) {
        bail!(
            "Clerk is configured, and only Clerk makes its tokens; `icp token` is for the development sign-in"
        );
    }
    let caller = if options.admin { Caller::admin(options.user) } else { Caller::user(options.user) };
    let key = DevelopmentKey::load()?;
    let token = key.token(&caller, options.ttl, SystemClock.now(), &settings.auth)?;
    Ok(output::print(format_args!("{token}\n"))?)
}

fn lifetime(text: &str) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "a time such as 90s, 30m, 1h or 7d";
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(EXPECTED)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(EXPECTED),
    };
    let number: u32 = number.parse().map_err(|_| EXPECTED)?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        assert_eq!(lifetime("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(lifetime("1h"), Ok(Duration::from_hours(1)));
        assert_eq!(lifetime("7d"), Ok(Duration::from_hours(7 * 24)));
        for wrong in ["", "h", "1", "-1h", "1.5h", "1w", "9999999999s", "1µ", "ä"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
