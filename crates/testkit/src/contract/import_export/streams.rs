//! Sources of imports and sinks of exports.

use std::future::pending;

use async_trait::async_trait;
use icp_domain::IcpDocument;
use icp_ports::{BoxError, ExportSink, ImportSource};

const BATCH_SIZE: usize = 7;

/// The behaviour of a source after it has returned all documents.
enum SourceEnd {
    Ends,
    Fails(&'static str),
    Hangs,
}

/// A source that returns documents in batches.
pub(in crate::contract) struct TestSource {
    documents: std::vec::IntoIter<IcpDocument>,
    end: SourceEnd,
}

impl TestSource {
    pub(in crate::contract) fn of(documents: impl IntoIterator<Item = IcpDocument>) -> Self {
        Self { documents: documents.into_iter().collect::<Vec<_>>().into_iter(), end: SourceEnd::Ends }
    }

    /// Returns a source that fails after it has returned all documents.
    pub(super) fn failing(documents: impl IntoIterator<Item = IcpDocument>, error: &'static str) -> Self {
        Self { end: SourceEnd::Fails(error), ..Self::of(documents) }
    }

    /// Returns a source that hangs after it has returned all documents.
    pub(super) fn hanging(documents: impl IntoIterator<Item = IcpDocument>) -> Self {
        Self { end: SourceEnd::Hangs, ..Self::of(documents) }
    }
}

#[async_trait]
impl ImportSource for TestSource {
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError> {
        let batch: Vec<_> = self.documents.by_ref().take(BATCH_SIZE).collect();
        match (batch.is_empty(), &self.end) {
            (false, _) => Ok(Some(batch)),
            (true, SourceEnd::Ends) => Ok(None),
            (true, SourceEnd::Fails(error)) => Err((*error).into()),
            (true, SourceEnd::Hangs) => pending().await,
        }
    }
}

/// A sink that stores all documents in memory.
#[derive(Default)]
pub(super) struct CollectingSink(pub(super) Vec<String>);

#[async_trait]
impl ExportSink for CollectingSink {
    async fn write_batch(&mut self, documents: Vec<String>) -> Result<(), BoxError> {
        self.0.extend(documents);
        Ok(())
    }
}

/// A sink that always fails.
pub(super) struct FailingSink;

#[async_trait]
impl ExportSink for FailingSink {
    async fn write_batch(&mut self, _: Vec<String>) -> Result<(), BoxError> {
        Err("no space left".into())
    }
}
