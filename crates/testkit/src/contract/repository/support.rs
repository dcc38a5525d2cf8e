//! Helpers of the test cases.

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use icp_domain::{AccessScope, Caller, IcpChange, IcpDocument};
use icp_ports::{
    Creation, Creator, IcpList, IcpRepository, IdempotencyKey, ListPart, ListQuery, Lookup, Quota,
    Replacement, RepositoryError, StoredIcp, Version,
};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::contract::Subject;
use crate::fixtures::{any_creator, id, stamp_without_history, user};

/// Maximum number of tasks that insert concurrently.
const MAX_INSERT_TASKS: usize = 16;
/// Maximum time during which a call is repeated because the adapter is overloaded, or because a create with the same
/// idempotency key is in progress.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);

/// The repository of a subject. All clones use the same storage. Every helper repeats its call while the repository
/// is overloaded, and fails the test case on any other error.
#[derive(Clone)]
pub(in crate::contract) struct TestRepository {
    first: Arc<dyn IcpRepository>,
    second: Arc<dyn IcpRepository>,
    _resources: Arc<dyn Send + Sync>,
}

impl<R: IcpRepository + 'static> From<Subject<R>> for TestRepository {
    fn from(subject: Subject<R>) -> Self {
        Self { first: subject.first, second: subject.second, _resources: subject.resources }
    }
}

impl Deref for TestRepository {
    type Target = dyn IcpRepository;

    fn deref(&self) -> &Self::Target {
        &*self.first
    }
}

impl TestRepository {
    /// Returns the second instance of the adapter on the same storage. Without a second instance, returns the first
    /// one.
    pub(in crate::contract) fn second_instance(&self) -> Self {
        Self { first: Arc::clone(&self.second), second: Arc::clone(&self.first), ..self.clone() }
    }

    /// Inserts documents without a key, in any order.
    pub(in crate::contract) async fn insert_all(&self, documents: impl IntoIterator<Item = IcpDocument>) {
        let mut tasks = JoinSet::new();
        for document in documents {
            if tasks.len() >= MAX_INSERT_TASKS {
                tasks.join_next().await.expect("a task must be left").expect("the insert must not panic");
            }
            let repository = self.clone();
            tasks.spawn(async move { repository.insert_one(&document).await });
        }
        tasks.join_all().await;
    }

    pub(in crate::contract) async fn insert_one(&self, document: &IcpDocument) -> Version {
        let inserted = retry_overloaded(|| self.insert(document, any_creator(), None)).await;
        match inserted.expect("insert failed") {
            Creation::Created(version) => version,
            other => panic!("an insert without a key must create the ICP: {other:?}"),
        }
    }

    /// Inserts an ICP of `user_ada` with a key. Tries again while another insert with this key is in progress.
    pub(in crate::contract) async fn insert_once(
        &self,
        document: &IcpDocument,
        key: &IdempotencyKey,
    ) -> Creation {
        self.insert_once_by(any_creator(), document, key).await
    }

    pub(in crate::contract) async fn insert_once_by(
        &self,
        creator: &Creator,
        document: &IcpDocument,
        key: &IdempotencyKey,
    ) -> Creation {
        let start = Instant::now();
        loop {
            let inserted = retry_overloaded(|| self.insert(document, creator, Some(key))).await;
            match inserted.expect("insert failed") {
                Creation::InProgress if start.elapsed() < RETRY_TIMEOUT => {
                    sleep(Duration::from_millis(1)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Replaces `before` by `after`. Returns the new version, or `None` if the ICP does not have the version
    /// `expected`.
    pub(in crate::contract) async fn change(
        &self,
        before: &IcpDocument,
        after: &IcpDocument,
        expected: Version,
    ) -> Option<Version> {
        let change = change(before, after);
        let replace = || self.replace(&change, expected, Quota::UNLIMITED, stamp_without_history());
        match retry_overloaded(replace).await.expect("replace failed") {
            Replacement::Replaced(version) => Some(version),
            Replacement::OtherVersion => None,
            Replacement::QuotaReached => panic!("the quota is unlimited"),
        }
    }

    /// Deletes an ICP. Returns false if the ICP does not have the version `expected`.
    pub(in crate::contract) async fn remove(&self, number: u128, expected: Version) -> bool {
        retry_overloaded(|| self.delete(id(number), expected, stamp_without_history()))
            .await
            .expect("delete failed")
    }

    pub(in crate::contract) async fn look_up(&self, number: u128, scope: &AccessScope) -> Lookup<StoredIcp> {
        retry_overloaded(|| self.get(id(number), scope)).await.expect("get failed")
    }

    pub(in crate::contract) async fn find(&self, number: u128) -> Option<StoredIcp> {
        match self.look_up(number, &admin_scope()).await {
            Lookup::Found(stored) => Some(stored),
            Lookup::Absent => None,
            Lookup::Forbidden => panic!("an admin must have access to every ICP"),
        }
    }

    pub(in crate::contract) async fn must_find(&self, number: u128) -> StoredIcp {
        self.find(number).await.unwrap_or_else(|| panic!("ICP {number} must exist"))
    }

    /// Returns the documents of the existing ICPs among `numbers`, in the order of `numbers`.
    pub(in crate::contract) async fn stored_texts(
        &self,
        numbers: impl IntoIterator<Item = u128>,
    ) -> Vec<String> {
        let mut stored = Vec::new();
        for number in numbers {
            stored.extend(self.find(number).await.map(|icp| icp.json));
        }
        stored
    }

    pub(in crate::contract) async fn read_list(&self, query: &ListQuery) -> IcpList {
        retry_overloaded(|| self.list(query)).await.expect("list failed")
    }

    pub(in crate::contract) async fn read_part(&self, query: &ListQuery) -> ListPart {
        retry_overloaded(|| self.list_part(query)).await.expect("list_part failed")
    }

    /// Returns a user's list as JSON.
    pub(in crate::contract) async fn list_json(&self, user_id: &str) -> String {
        self.read_list(&all_icps_query(user_id)).await.icps.to_json()
    }
}

/// Repeats a call while the repository is overloaded.
pub(in crate::contract) async fn retry_overloaded<T, F>(call: impl Fn() -> F) -> Result<T, RepositoryError>
where
    F: Future<Output = Result<T, RepositoryError>>,
{
    let start = Instant::now();
    loop {
        match call().await {
            Err(RepositoryError::Overloaded) if start.elapsed() < RETRY_TIMEOUT => {
                sleep(Duration::from_millis(2)).await;
            }
            result => return result,
        }
    }
}

/// Checks that a cursor differs from the cursor before it. Otherwise the pages would never end.
#[track_caller]
pub(in crate::contract) fn assert_advances<T: Clone + PartialEq + Debug>(before: &mut Option<T>, next: &T) {
    assert_ne!(
        before.as_ref(),
        Some(next),
        "a page must start after its cursor, and the last page has no cursor"
    );
    *before = Some(next.clone());
}

/// Runs `count` tasks concurrently. Returns their results in the order of the task numbers.
pub(in crate::contract) async fn concurrently<T, F>(count: u32, task: impl Fn(u32) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(task(number))).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("the task must not panic"));
    }
    results
}

/// Returns the query for all ICPs of a user.
pub(in crate::contract) fn all_icps_query(user_id: &str) -> ListQuery {
    ListQuery::everything(Caller::user(user(user_id)).list_scope())
}

pub(in crate::contract) fn user_scope(user_id: &str) -> AccessScope {
    Caller::user(user(user_id)).access_scope()
}

pub(in crate::contract) fn admin_scope() -> AccessScope {
    Caller::admin(user("user_root")).access_scope()
}

pub(in crate::contract) fn change(before: &IcpDocument, after: &IcpDocument) -> IcpChange {
    let [before, after] =
        [before, after].map(|document| document.to_icp().expect("the fixture must be an ICP"));
    IcpChange::between(&before, after)
}

/// Returns the JSON array of `documents`.
pub(in crate::contract) fn json_array<'a>(documents: impl IntoIterator<Item = &'a IcpDocument>) -> String {
    let texts: Vec<_> = documents.into_iter().map(IcpDocument::json).collect();
    format!("[{}]", texts.join(","))
}
