//! Sources and sinks.

use std::future::pending;

use async_trait::async_trait;
use icp_domain::IcpDocument;
use icp_ports::{BoxError, ExportSink, ImportSource};

const BATCH: usize = 7;

/// The behaviour of a source after its documents.
enum End {
    Ends,
    Fails(&'static str),
    Hangs,
}

/// A source of documents in batches.
pub(in crate::contract) struct Batches {
    documents: std::vec::IntoIter<IcpDocument>,
    end: End,
}

impl Batches {
    pub(in crate::contract) fn of(documents: impl IntoIterator<Item = IcpDocument>) -> Self {
        Self { documents: documents.into_iter().collect::<Vec<_>>().into_iter(), end: End::Ends }
    }

    /// A source that fails after its documents.
    pub(super) fn failing(documents: impl IntoIterator<Item = IcpDocument>, error: &'static str) -> Self {
        Self { end: End::Fails(error), ..Self::of(documents) }
    }

    /// A source that hangs after its documents.
    pub(super) fn hanging(documents: impl IntoIterator<Item = IcpDocument>) -> Self {
        Self { end: End::Hangs, ..Self::of(documents) }
    }
}

#[async_trait]
impl ImportSource for Batches {
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError> {
        let batch: Vec<_> = self.documents.by_ref().take(BATCH).collect();
        match (batch.is_empty(), &self.end) {
            (false, _) => Ok(Some(batch)),
            (true, End::Ends) => Ok(None),
            (true, End::Fails(error)) => Err((*error).into()),
            (true, End::Hangs) => pending().await,
        }
    }
}

/// A sink that collects every document.
#[derive(Default)]
pub(super) struct Collected(pub(super) Vec<String>);

#[async_trait]
impl ExportSink for Collected {
    async fn write_batch(&mut self, documents: Vec<String>) -> Result<(), BoxError> {
        self.0.extend(documents);
        Ok(())
    }
}

/// A sink that fails.
pub(super) struct Full;

#[async_trait]
impl ExportSink for Full {
    async fn write_batch(&mut self, _: Vec<String>) -> Result<(), BoxError> {
        Err("no space left".into())
    }
}
