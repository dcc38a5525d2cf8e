use std::fmt::Debug;
use std::pin::Pin;
use std::time::{Duration, Instant};

use icp_domain::{IcpDocument, Timestamp};
use icp_ports::{IcpRepository, ListVersion, Lookup, Quota, RepositoryError, Version};
use tokio::time::sleep;

use super::Faults;
use crate::contract::Subject;
use crate::contract::history::support::{all, at, undeleting};
use crate::contract::repository::support::{TestRepository, admin, change, everything, scope};
use crate::fixtures::{any_creator, icp, id, stamp_without_history};

/// Limit of every read and write.
const LIMIT: Duration = Duration::from_secs(5);
/// What the test's own work may add to a limit.
pub(super) const TOLERANCE: Duration = Duration::from_millis(500);
/// Limit of recovery, after the storage is back.
const RECOVERY: Duration = Duration::from_secs(10);

/// The number of the ICP that is deleted.
pub(super) const DELETED: u128 = 50;

/// A repository that contains ICP 1 and the history of a deleted ICP, and its faults.
pub(super) struct Breakable {
    pub(super) repository: TestRepository,
    pub(super) faults: Box<dyn Faults>,
    pub(super) document: IcpDocument,
    pub(super) version: Version,
    pub(super) list_version: ListVersion,
    /// The version of the delete. `None` if the storage keeps no history.
    pub(super) deleted: Option<Version>,
    /// The results of the reads.
    pub(super) expected: Vec<String>,
}

/// A call of a method, with the name of the method. The result is its debug text.
pub(super) type Call = (&'static str, Pin<Box<dyn Future<Output = Result<String, RepositoryError>> + Send>>);

/// Makes calls of methods of a repository, to be awaited.
macro_rules! calls {
    ($repository:expr; $($method:ident($($argument:expr),*);)+) => {
        [$({
            let repository = $repository.clone();
            let call = async move { Ok(format!("{:?}", repository.$method($($argument),*).await?)) };
            let call: Call = (stringify!($method), Box::pin(call));
            call
        }),+]
    };
}

/// Calls `call` and fails if it takes longer than the limit.
pub(super) async fn in_time<T>(what: &str, call: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = call.await;
    let elapsed = start.elapsed();
    assert!(elapsed < LIMIT + TOLERANCE, "{what} took {elapsed:?}, which is more than {LIMIT:?}");
    result
}

pub(super) async fn assert_unavailable<T: Debug>(
    what: &str,
    call: impl Future<Output = Result<T, RepositoryError>>,
) {
    let result = in_time(what, call).await;
    assert!(matches!(result, Err(RepositoryError::Unavailable(_))), "{what} gave {result:?}");
}

impl Breakable {
    /// Inserts ICP 1 and one that it deletes, and opens connections for reads and writes.
    pub(super) async fn new<R: IcpRepository + 'static, B: Faults + 'static>(
        (subject, faults): (Subject<R>, B),
    ) -> Self {
        let repository = TestRepository::from(subject);
        let document = icp(1).document();
        let version = repository.insert_one(&document).await;
        let inserted = repository.insert_one(&icp(DELETED).document()).await;
        assert!(repository.delete(id(DELETED), inserted, &at(1)).await.expect("delete failed"));
        let deleted = match repository.revisions(id(DELETED), &admin(), &all()).await {
            Ok(Lookup::Found(page)) => page.revisions.first().map(|delete| delete.version),
            other => other.map(|_| None).expect("revisions failed"),
        };
        let list_version = repository.read_list(&everything("user_ada")).await.version;
        let faults = Box::new(faults);
        let mut subject =
            Self { repository, faults, document, version, list_version, deleted, expected: Vec::new() };
        for (name, read) in subject.reads() {
            let result = read.await.unwrap_or_else(|error| panic!("{name} failed: {error}"));
            subject.expected.push(result);
        }
        subject
    }

    /// Returns a call of each method that reads. Conditional reads name the versions: no cache may confirm them during an outage.
    pub(super) fn reads(&self) -> Vec<Call> {
        let (version, list_version) = (self.version, self.list_version);
        let mut calls = Vec::from(calls![self.repository;
            list(&everything("user_ada"));
            list_if_changed(&everything("user_ada"), &[list_version]);
            list_part(&everything("user_ada"));
            get(id(1), &scope("user_ada"));
            get_if_changed(id(1), &scope("user_ada"), &[version]);
        ]);
        if let Some(deleted) = self.deleted {
            calls.extend(calls![self.repository;
                revisions(id(DELETED), &scope("user_ada"), &all());
                revision(id(DELETED), deleted, &scope("user_ada"), Timestamp::MIN);
                deleted(&scope("user_ada"), &all());
            ]);
        }
        calls
    }

    /// Returns a call of each method that writes, except the one of expired keys: a storage may expire them by itself.
    pub(super) fn writes(&self) -> Vec<Call> {
        let version = self.version;
        let changed = change(&self.document, &icp(1).with("name", "changed").document());
        let mut calls = Vec::from(calls![self.repository;
            insert(&icp(99).document(), any_creator(), None);
            replace(&changed, version, Quota::UNLIMITED, stamp_without_history());
            delete(id(1), version, stamp_without_history());
        ]);
        if let Some(deleted) = self.deleted {
            let last = icp(DELETED).document();
            calls.extend(calls![self.repository;
                undelete(&undeleting(&last, &last), deleted, Quota::UNLIMITED, stamp_without_history());
                remove_old_revisions(Timestamp::MAX);
            ]);
        }
        calls
    }

    /// Calls every method that reads or writes, all at once. Each must be `Unavailable`, in time.
    pub(super) async fn assert_all_unavailable(&self) {
        let calls = self.reads().into_iter().chain(self.writes());
        let calls: Vec<_> = calls.map(|(name, call)| tokio::spawn(assert_unavailable(name, call))).collect();
        let remove = self.repository.remove_expired_keys(self.document.created_at());
        let _ = in_time("remove_expired_keys", remove).await;
        for call in calls {
            call.await.expect("a call must be unavailable in time");
        }
    }

    /// Waits until reads and writes work. The storage is back.
    pub(super) async fn assert_recovers(&self) {
        let (start, limit) = (Instant::now(), RECOVERY.as_secs());
        for number in 1_000.. {
            // The reads do not include it.
            let document = icp(number).users(["user_bob"]).document();
            let insert = calls![self.repository; insert(&document, any_creator(), None);];
            let mut failed = None;
            for (name, call) in self.reads().into_iter().chain(insert) {
                failed = failed.or(in_time(name, call).await.err().map(|error| (name, error)));
            }
            let Some(failed) = failed else { return };
            assert!(start.elapsed() < RECOVERY, "no recovery in {limit} s: {failed:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}
