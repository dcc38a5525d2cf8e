use std::io::Write;

use async_trait::async_trait;
use icp_ports::{BoxError, ExportSink};

/// Writes ICPs as JSON Lines.
#[derive(Debug)]
pub struct LineSink<W>(pub W);

#[async_trait]
impl<W: Write + Send> ExportSink for LineSink<W> {
    async fn write_batch(&mut self, documents: Vec<String>) -> Result<(), BoxError> {
        for document in documents {
            self.0.write_all(document.as_bytes())?;
            self.0.write_all(b"\n")?;
        }
        Ok(())
    }
}
