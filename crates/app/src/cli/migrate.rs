use anyhow::{Context as _, bail};
use clap::Args;

use crate::settings::Settings;
use crate::{application, composition};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Changes nothing, and fails when migrations are pending
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(settings: &Settings, options: Options) -> anyhow::Result<()> {
    let storage = composition::storage(&settings.database).await?;
    if options.check {
        let pending = storage.schema.pending().await.context("the database's schema cannot be read")?;
        if !pending.is_empty() {
            bail!("pending: {}; apply them with `icp migrate`", pending.join(", "));
        }
        println!("the database is up to date");
        return Ok(());
    }
    let report = application::migrate(settings, &storage).await?;
    for migration in &report.applied {
        println!("applied {migration}");
    }
    if report.applied.is_empty() {
        println!("the database is up to date");
    }
    Ok(())
}
