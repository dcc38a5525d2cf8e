use std::io::{self, BufWriter, ErrorKind, Write as _, stdout};

use icp_files::LineSink;
use icp_ports::ImportExportError;

use crate::{application, composition};
use icp_settings::Settings;

const BUFFER_BYTES: usize = 256 * 1024;

pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let storage = composition::open_existing_storage(&settings.database).await?;
    application::require_migrated(settings, &storage).await?;
    let mut sink = LineSink(BufWriter::with_capacity(BUFFER_BYTES, stdout()));
    let exported = storage.import_export.export(&mut sink).await;
    let flushed = sink.0.flush();
    match exported {
        // A closed pipe, as in `icp export | head`, is not an error.
        Err(ImportExportError::Stream(error)) if error.downcast_ref().is_some_and(is_broken_pipe) => Ok(()),
        Err(error) => Err(anyhow::Error::new(error).context("the export failed")),
        Ok(_) => match flushed {
            Err(error) if !is_broken_pipe(&error) => Err(error.into()),
            _ => Ok(()),
        },
    }
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}
