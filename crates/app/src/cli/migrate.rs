use anyhow::{Context as _, bail};
use clap::Args;

use super::output;
use crate::{application, composition};
use icp_settings::Settings;

const UP_TO_DATE: &str = "the database is up to date\n";

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Changes nothing, and fails if migrations are pending
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(settings: &Settings, options: Options) -> anyhow::Result<()> {
    if options.check {
        let storage = composition::open_existing_storage(&settings.database).await?;
        let pending =
            storage.migrator.pending().await.with_context(|| settings.database.failure_message())?;
        if !pending.is_empty() {
            bail!("pending migrations: {}; apply them with `icp migrate`", pending.join(", "));
        }
        return Ok(output::print(UP_TO_DATE)?);
    }
    let storage = composition::open_storage(&settings.database, 1).await?;
    let report = application::migrate(settings, &storage).await?;
    for migration in &report.applied {
        output::print(format_args!("applied {migration}\n"))?;
    }
    if report.applied.is_empty() {
        output::print(UP_TO_DATE)?;
    }
    Ok(())
}
