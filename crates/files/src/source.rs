//! Reads a file as the source of an import.

use std::io::BufRead;
use std::thread;

use async_trait::async_trait;
use icp_domain::json::Json;
use icp_domain::{Icp, IcpDocument, Rules};
use icp_ports::{BoxError, ImportSource};
use tokio::sync::mpsc;

use super::file_errors::FileErrors;
use super::records::{Record, RecordError, Records};

/// Maximum number of documents in a batch.
const MAX_BATCH_DOCUMENTS: usize = 2_000;
/// The length in bytes at which a batch ends.
const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;

const NOT_LINES: &str = "line 1: the object does not end on its line. The file must be a JSON array of ICPs, or have \
    one ICP on each line (malformed)";

/// A function that is called after each batch of the file, and at its end.
pub type Progress = Box<dyn Fn(ReadProgress) + Send>;

/// The progress of reading a file: what has been read so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadProgress {
    /// The number of records.
    pub records: u64,
    /// The length of the records, in bytes.
    pub bytes: u64,
}

/// Reads and validates ICPs on a separate thread, a few batches ahead of the storage.
#[derive(Debug)]
pub struct FileSource(mpsc::Receiver<Message>);

/// A message of the reading thread. The last message is `End` or `Failed`. If the thread ends without this message, it
/// has panicked.
#[derive(Debug)]
enum Message {
    Batch(Vec<IcpDocument>),
    End,
    Failed(BoxError),
}

impl FileSource {
    /// Starts to read and validate the input on a separate thread.
    pub fn start(input: impl BufRead + Send + 'static, rules: Rules, progress: Progress) -> Self {
        let (sender, receiver) = mpsc::channel(2);
        thread::spawn(move || {
            let reader =
                Reader { records: Records::new(input), rules, progress, errors: FileErrors::default() };
            let last = match reader.run(&sender) {
                Ok(()) => Message::End,
                Err(error) => Message::Failed(error),
            };
            // Sending fails if the storage has failed and the receiver was dropped.
            let _ = sender.blocking_send(last);
        });
        Self(receiver)
    }
}

#[async_trait]
impl ImportSource for FileSource {
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError> {
        match self.0.recv().await {
            Some(Message::Batch(batch)) => Ok(Some(batch)),
            Some(Message::End) => Ok(None),
            Some(Message::Failed(error)) => Err(error),
            None => Err("the file was not read to its end".into()),
        }
    }
}

struct Reader<R> {
    records: Records<R>,
    rules: Rules,
    progress: Progress,
    errors: FileErrors,
}

impl<R: BufRead> Reader<R> {
    fn run(mut self, sender: &mpsc::Sender<Message>) -> Result<(), BoxError> {
        let mut read = ReadProgress::default();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(record) = self.next_record()? {
            read.records += 1;
            read.bytes += record.bytes.len() as u64;
            if read.records == 1 && self.records.is_lines() && is_part_of_document(&record) {
                // The rest of the file is not read, because each of its lines would be an error.
                self.errors.add(NOT_LINES);
                break;
            }
            if let Some(document) = self.document(&record) {
                bytes += document.json().len();
                batch.push(document);
            }
            if batch.len() >= MAX_BATCH_DOCUMENTS || bytes >= MAX_BATCH_BYTES {
                (self.progress)(read);
                let full = std::mem::take(&mut batch);
                bytes = 0;
                // After an error, nothing is stored. The rest of the file is read only to report its errors.
                if self.errors.is_empty() && sender.blocking_send(Message::Batch(full)).is_err() {
                    return Ok(());
                }
            }
        }
        (self.progress)(read);
        if !self.errors.is_empty() {
            return Err(self.errors.into());
        }
        if !batch.is_empty() {
            let _ = sender.blocking_send(Message::Batch(batch));
        }
        Ok(())
    }

    /// Returns the next record, or `None` at the end of the file or after a reported error.
    fn next_record(&mut self) -> Result<Option<Record>, BoxError> {
        match self.records.next() {
            Ok(record) => Ok(record),
            Err(RecordError::Io(error)) => Err(format!("the file cannot be read: {error}").into()),
            Err(damage @ RecordError::Damaged { .. }) => {
                self.errors.add(damage);
                Ok(None)
            }
        }
    }

    fn document(&mut self, record: &Record) -> Option<IcpDocument> {
        let Ok(text) = std::str::from_utf8(&record.bytes) else {
            self.errors.add(format_args!("line {}: invalid UTF-8 (malformed)", record.line));
            return None;
        };
        match Icp::from_json(text, self.rules) {
            Ok(icp) => return Some(icp.into()),
            Err(errors) => match Json::parse(text) {
                Ok(_) => self.errors.add_violations(record.line, &errors),
                // The line of the error is relative to the first line of the record.
                Err(position) => {
                    let line = record.line + (position.line as u64).saturating_sub(1);
                    self.errors.add(format_args!(
                        "line {line} column {}: invalid JSON (malformed)",
                        position.column
                    ));
                }
            },
        }
        None
    }
}

/// Returns true if a line consists of an opening bracket, like the first line of an indented JSON document.
fn is_part_of_document(line: &Record) -> bool {
    matches!(line.bytes.trim_ascii(), b"{" | b"[")
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read as _, Result, empty};

    use super::*;

    struct PanickingInput;

    impl std::io::Read for PanickingInput {
        fn read(&mut self, _: &mut [u8]) -> Result<usize> {
            panic!("a bug");
        }
    }

    #[tokio::test]
    async fn panic_of_reading_thread_is_error() {
        let mut source =
            FileSource::start(BufReader::new(PanickingInput.chain(empty())), Rules::Strict, Box::new(|_| ()));
        let error = source.next_batch().await.expect_err("must not be read");
        assert_eq!(error.to_string(), "the file was not read to its end");
    }
}
