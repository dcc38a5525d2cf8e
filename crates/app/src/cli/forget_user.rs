use anyhow::Context as _;
use clap::Args;
use icp_application::{forget_stamp, forget_user};
use icp_domain::UserId;
use icp_ports::{Clock as _, SystemClock};
use indicatif::ProgressBar;

use super::import::progress_style;
use super::output;
use crate::{application, composition};
use icp_settings::Settings;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The Clerk ID of the user, such as `user_2abc`
    user_id: UserId,
}

pub(super) async fn run(settings: &Settings, options: Options) -> anyhow::Result<()> {
    let storage = composition::open_existing_storage(&settings.database).await?;
    application::require_migrated(settings, &storage).await?;
    let rows = storage.forget_user.count_rows().await?;
    let bar = ProgressBar::new(rows).with_style(progress_style("{bar:40} {pos}/{len} rows {eta} left"));
    let stamp = forget_stamp(SystemClock.now(), settings.history.retention_days > 0);
    let (repository, histories) = (&*storage.repository, &*storage.forget_user);
    let advance = |rows| bar.inc(u64::from(rows));
    let forgotten = forget_user(repository, histories, &options.user_id, &stamp, advance).await;
    bar.finish_and_clear();
    let icps = forgotten.context("the user was not removed completely; run the command again")?;
    let noun = if icps == 1 { "ICP" } else { "ICPs" };
    output::print_message(format_args!("removed the user from {icps} {noun} and from all histories"));
    Ok(())
}
