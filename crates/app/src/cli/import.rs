use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use icp_domain::Rules;
use icp_files::{FileSource, Progress};
use icp_ports::{ImportExportError, ImportSummary, OnConflict, RepositoryError};
use indicatif::{ProgressBar, ProgressStyle};

use super::output;
use crate::{application, composition};
use icp_settings::Settings;

const BUFFER_BYTES: usize = 256 * 1024;

const CONFLICT_HINT: &str =
    "nothing was imported; use `--on-conflict skip` or `--on-conflict replace` if ICPs may exist already";

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The file to read. Without a file, or if it is `-`, standard input is read
    file: Option<PathBuf>,
    /// What to do with an ICP whose ID exists already
    #[arg(long, value_enum, value_name = "ACTION", default_value_t)]
    on_conflict: ConflictAction,
    /// Accepts everything that has the shape of an ICP, except U+0000 and user IDs of more than 1,024 bytes, and keeps
    /// fields and values that this version does not know
    #[arg(long)]
    lenient: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ConflictAction {
    /// Fail the import
    #[default]
    Fail,
    /// Keep the stored ICP
    Skip,
    /// Replace the stored ICP
    Replace,
}

impl From<ConflictAction> for OnConflict {
    fn from(conflict: ConflictAction) -> Self {
        match conflict {
            ConflictAction::Fail => Self::Fail,
            ConflictAction::Skip => Self::Skip,
            ConflictAction::Replace => Self::Replace,
        }
    }
}

pub(super) async fn run(settings: &Settings, options: Options) -> anyhow::Result<()> {
    let (input, size) = open_input(options.file)?;
    let storage = composition::open_storage(&settings.database, 1).await?;
    if settings.database.migrate {
        storage.migrator.migrate().await.with_context(|| settings.database.failure_message())?;
    } else {
        application::require_migrated(settings, &storage).await?;
    }
    let bar = progress_bar(size);
    let rules = if options.lenient { Rules::Storable } else { Rules::Strict };
    let mut source = FileSource::start(input, rules, report_progress(bar.clone(), size));
    let started = Instant::now();
    let keeps_history = settings.history.retention_days > 0;
    let importing = storage.import_export.import(&mut source, options.on_conflict.into(), keeps_history);
    let imported = importing.await;
    bar.finish_and_clear();
    let summary = imported.map_err(|error| {
        let is_conflict = matches!(&error, ImportExportError::Repository(RepositoryError::AlreadyExists(_)));
        let error = anyhow::Error::new(error);
        let error = if is_conflict { error.context(CONFLICT_HINT) } else { error };
        error.context("the import failed")
    })?;
    output::print_message(summary_message(summary, started.elapsed()));
    Ok(())
}

/// Opens the input. Returns its size if that is known.
fn open_input(file: Option<PathBuf>) -> anyhow::Result<(Box<dyn BufRead + Send>, Option<u64>)> {
    let Some(path) = file.filter(|path| path.as_os_str() != "-") else {
        return Ok((Box::new(BufReader::with_capacity(BUFFER_BYTES, stdin())), None));
    };
    let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    let metadata = file.metadata().with_context(|| format!("cannot open {}", path.display()))?;
    let size = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(BufReader::with_capacity(BUFFER_BYTES, file)), size))
}

/// Returns a progress bar, which is shown on a terminal only.
fn progress_bar(size: Option<u64>) -> ProgressBar {
    match size {
        Some(bytes) => ProgressBar::new(bytes)
            .with_style(progress_style("{bar:40} {bytes}/{total_bytes} {msg} {eta} left")),
        None => ProgressBar::new_spinner().with_style(progress_style("{spinner} {msg}")),
    }
}

pub(super) fn progress_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn report_progress(bar: ProgressBar, size: Option<u64>) -> Progress {
    Box::new(move |read| {
        bar.set_message(format!("{} ICPs", read.records));
        match size {
            Some(_) => bar.set_position(read.bytes),
            None => bar.tick(),
        }
    })
}

fn summary_message(summary: ImportSummary, elapsed: Duration) -> String {
    let ImportSummary { inserted, replaced, skipped } = summary;
    let noun = if inserted == 1 { "ICP" } else { "ICPs" };
    format!(
        "imported {inserted} {noun}, replaced {replaced}, skipped {skipped} in {:.1} s",
        elapsed.as_secs_f64()
    )
}
