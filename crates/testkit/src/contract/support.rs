//! What the cases share.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use icp_domain::{AccessScope, Caller, IcpChange, IcpDocument};
use icp_ports::{
    BoxError, Creation, ExportSink, IdempotencyKey, ImportSource, ImportSummary, ListQuery, Lookup,
    OnConflict, StoredIcp, TransferError, Version,
};
use libtest_mimic::Trial;
use tokio::time::sleep;

use super::Subject;
use crate::fixtures::{id, user};

/// One case as a trial, on a runtime of its own.
pub(super) fn trial<S, Made, Ran>(
    name: String,
    make: impl FnOnce() -> Made + Send + 'static,
    case: impl FnOnce(S) -> Ran + Send + 'static,
) -> Trial
where
    Made: Future<Output = S>,
    Ran: Future<Output = ()>,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(async { case(make().await).await });
        Ok(())
    })
}

pub(super) async fn migrated(subject: Subject) -> Subject {
    subject.schema.migrate().await.expect("it migrates");
    subject
}

impl Subject {
    /// What the list of a user says, as JSON.
    pub(super) async fn list(&self, user_id: &str) -> String {
        let query = ListQuery::everything(Caller::user(user(user_id)).list_scope());
        self.repository.list(&query).await.expect("it lists").icps.to_json()
    }

    /// Imports into the storage what the case needs there.
    pub(super) async fn store(&self, documents: impl IntoIterator<Item = IcpDocument>) {
        let imported = self.import(documents, OnConflict::Fail).await;
        imported.expect("it imports");
    }

    pub(super) async fn import(
        &self,
        documents: impl IntoIterator<Item = IcpDocument>,
        on_conflict: OnConflict,
    ) -> Result<ImportSummary, TransferError> {
        let mut source = Batches::of(documents.into_iter().collect());
        self.transfer.import(&mut source, on_conflict).await
    }

    pub(super) async fn create(&self, document: &IcpDocument) -> Version {
        self.repository.create(document).await.expect("it creates")
    }

    /// Waits, as a caller does, for another with the same key to be through: also for one that has failed a moment ago.
    pub(super) async fn create_once(&self, document: &IcpDocument, key: &IdempotencyKey) -> Creation {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            match self.repository.create_once(document, key).await.expect("it creates") {
                Creation::InProgress if Instant::now() < deadline => sleep(Duration::from_millis(1)).await,
                outcome => return outcome,
            }
        }
    }

    pub(super) async fn update(
        &self,
        before: &IcpDocument,
        after: &IcpDocument,
        expected: Version,
    ) -> Option<Version> {
        self.repository.update(&change(before, after), expected).await.expect("it writes")
    }

    pub(super) async fn delete(&self, number: u128, expected: Version) -> bool {
        self.repository.delete(id(number), expected).await.expect("it writes")
    }

    pub(super) async fn look_up(&self, number: u128, scope: &AccessScope) -> Lookup<StoredIcp> {
        self.repository.get(id(number), scope).await.expect("it reads")
    }

    pub(super) async fn version_of(&self, number: u128, scope: &AccessScope) -> Lookup<Version> {
        self.repository.version(id(number), scope).await.expect("it reads")
    }

    /// What is there, whoever may see it.
    pub(super) async fn found(&self, number: u128) -> StoredIcp {
        let everything = Caller::admin(user("user_root")).access_scope();
        match self.look_up(number, &everything).await {
            Lookup::Found(stored) => stored,
            other => panic!("ICP {number} should be there: {other:?}"),
        }
    }

    /// The whole storage.
    pub(super) async fn export(&self) -> Vec<String> {
        let mut sink = Collected::default();
        let count = self.transfer.export(&mut sink).await.expect("it exports");
        assert_eq!(count, sink.0.len() as u64, "an export says how many it gave");
        sink.0
    }
}

/// What a user may access.
pub(super) fn scope(user_id: &str) -> AccessScope {
    Caller::user(user(user_id)).access_scope()
}

pub(super) fn change(before: &IcpDocument, after: &IcpDocument) -> IcpChange {
    let [before, after] = [before, after].map(|document| document.to_icp().expect("a fixture is an ICP"));
    IcpChange::between(&before, after)
}

/// The array of these documents, as a list answers it.
pub(super) fn array<'a>(documents: impl IntoIterator<Item = &'a IcpDocument>) -> String {
    let texts: Vec<_> = documents.into_iter().map(IcpDocument::json).collect();
    format!("[{}]", texts.join(","))
}

/// A source of documents in batches of seven, which may end in an error.
pub(super) struct Batches {
    documents: std::vec::IntoIter<IcpDocument>,
    failure: Option<&'static str>,
}

impl Batches {
    pub(super) fn of(documents: Vec<IcpDocument>) -> Self {
        Self { documents: documents.into_iter(), failure: None }
    }

    pub(super) fn failing(documents: Vec<IcpDocument>, failure: &'static str) -> Self {
        Self { failure: Some(failure), ..Self::of(documents) }
    }
}

#[async_trait]
impl ImportSource for Batches {
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError> {
        let batch: Vec<_> = self.documents.by_ref().take(7).collect();
        match (batch.is_empty(), self.failure) {
            (false, _) => Ok(Some(batch)),
            (true, None) => Ok(None),
            (true, Some(failure)) => Err(failure.into()),
        }
    }
}

/// A sink that keeps everything.
#[derive(Default)]
pub(super) struct Collected(pub(super) Vec<String>);

#[async_trait]
impl ExportSink for Collected {
    async fn write_batch(&mut self, documents: Vec<String>) -> Result<(), BoxError> {
        self.0.extend(documents);
        Ok(())
    }
}

/// A sink that takes nothing.
pub(super) struct Full;

#[async_trait]
impl ExportSink for Full {
    async fn write_batch(&mut self, _: Vec<String>) -> Result<(), BoxError> {
        Err("no space left".into())
    }
}
