use std::fmt::Debug;
use std::pin::Pin;
use std::time::{Duration, Instant};

use icp_domain::{IcpDocument, Timestamp};
use icp_ports::{IcpRepository, ListVersion, Lookup, Quota, RepositoryError, Version};
use tokio::time::sleep;

use super::Faults;
use crate::contract::Subject;
use crate::contract::history::support::{all_revisions_query, stamp_at, undelete_change};
use crate::contract::repository::support::{TestRepository, admin_scope, all_icps_query, change, user_scope};
use crate::fixtures::{any_creator, icp, id, stamp_without_history};

/// Maximum duration of a read or write.
const MAX_CALL_DURATION: Duration = Duration::from_secs(5);
/// Time that the test itself may add to a maximum duration.
pub(super) const TOLERANCE: Duration = Duration::from_millis(500);
/// Maximum duration of the recovery, after the storage has become reachable again.
const MAX_RECOVERY_DURATION: Duration = Duration::from_secs(10);

/// The number of the deleted ICP.
pub(super) const DELETED_ICP: u128 = 50;

/// A repository with injectable faults. It contains ICP 1, and the history of a deleted ICP.
pub(super) struct FaultySubject {
    pub(super) repository: TestRepository,
    pub(super) faults: Box<dyn Faults>,
    pub(super) document: IcpDocument,
    pub(super) version: Version,
    pub(super) list_version: ListVersion,
    /// The version of the delete, or `None` if the storage keeps no history.
    pub(super) deleted: Option<Version>,
    /// The expected results of [`FaultySubject::reads`].
    pub(super) expected: Vec<String>,
}

/// The name of a method, and the future of a call. The future returns the debug text of the method's result.
pub(super) type Call = (&'static str, Pin<Box<dyn Future<Output = Result<String, RepositoryError>> + Send>>);

/// Creates calls of methods of a repository. The caller awaits the calls.
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

/// Awaits `call`. Fails if it takes longer than [`MAX_CALL_DURATION`] and [`TOLERANCE`] together.
pub(super) async fn in_time<T>(method: &str, call: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = call.await;
    let elapsed = start.elapsed();
    assert!(
        elapsed < MAX_CALL_DURATION + TOLERANCE,
        "{method} took {elapsed:?}, which is more than {MAX_CALL_DURATION:?}"
    );
    result
}

pub(super) async fn assert_unavailable<T: Debug>(
    method: &str,
    call: impl Future<Output = Result<T, RepositoryError>>,
) {
    let result = in_time(method, call).await;
    assert!(
        matches!(result, Err(RepositoryError::Unavailable(_))),
        "{method} must be unavailable, but the result is {result:?}"
    );
}

impl FaultySubject {
    /// Inserts ICP 1. Inserts and deletes the ICP [`DELETED_ICP`]. Calls every read, so that the adapter has open
    /// connections.
    pub(super) async fn new<R: IcpRepository + 'static, B: Faults + 'static>(
        (subject, faults): (Subject<R>, B),
    ) -> Self {
        let repository = TestRepository::from(subject);
        let document = icp(1).document();
        let version = repository.insert_one(&document).await;
        let inserted = repository.insert_one(&icp(DELETED_ICP).document()).await;
        assert!(repository.delete(id(DELETED_ICP), inserted, &stamp_at(1)).await.expect("delete failed"));
        let deleted =
            match repository.revisions(id(DELETED_ICP), &admin_scope(), &all_revisions_query()).await {
                Ok(Lookup::Found(page)) => page.revisions.first().map(|delete| delete.version),
                other => other.map(|_| None).expect("revisions failed"),
            };
        let list_version = repository.read_list(&all_icps_query("user_ada")).await.version;
        let faults = Box::new(faults);
        let mut subject =
            Self { repository, faults, document, version, list_version, deleted, expected: Vec::new() };
        for (name, read) in subject.reads() {
            let result = read.await.unwrap_or_else(|error| panic!("{name} failed: {error}"));
            subject.expected.push(result);
        }
        subject
    }

    /// Returns a call of each method that reads. The conditional reads send the current versions, because no cache
    /// may confirm a version during an outage.
    pub(super) fn reads(&self) -> Vec<Call> {
        let (version, list_version) = (self.version, self.list_version);
        let mut calls = Vec::from(calls![self.repository;
            list(&all_icps_query("user_ada"));
            list_if_changed(&all_icps_query("user_ada"), &[list_version]);
            list_part(&all_icps_query("user_ada"));
            get(id(1), &user_scope("user_ada"));
            get_if_changed(id(1), &user_scope("user_ada"), &[version]);
        ]);
        if let Some(deleted) = self.deleted {
            calls.extend(calls![self.repository;
                revisions(id(DELETED_ICP), &user_scope("user_ada"), &all_revisions_query());
                revision(id(DELETED_ICP), deleted, &user_scope("user_ada"), Timestamp::MIN);
                deleted(&user_scope("user_ada"), &all_revisions_query());
            ]);
        }
        calls
    }

    /// Returns a call of each method that writes, except `remove_expired_keys`, which does nothing if the storage
    /// itself expires keys.
    pub(super) fn writes(&self) -> Vec<Call> {
        let version = self.version;
        let changed = change(&self.document, &icp(1).with("name", "changed").document());
        let mut calls = Vec::from(calls![self.repository;
            insert(&icp(99).document(), any_creator(), None);
            replace(&changed, version, Quota::UNLIMITED, stamp_without_history());
            delete(id(1), version, stamp_without_history());
        ]);
        if let Some(deleted) = self.deleted {
            let last = icp(DELETED_ICP).document();
            calls.extend(calls![self.repository;
                undelete(&undelete_change(&last, &last), deleted, Quota::UNLIMITED, stamp_without_history());
                remove_old_revisions(Timestamp::MAX);
            ]);
        }
        calls
    }

    /// Makes concurrent calls of all methods that read or write. Checks that each call fails with `Unavailable` in
    /// time. The call of `remove_expired_keys` may also succeed.
    pub(super) async fn assert_all_unavailable(&self) {
        let calls = self.reads().into_iter().chain(self.writes());
        let calls: Vec<_> = calls.map(|(name, call)| tokio::spawn(assert_unavailable(name, call))).collect();
        let remove = self.repository.remove_expired_keys(self.document.created_at());
        let _ = in_time("remove_expired_keys", remove).await;
        for call in calls {
            call.await.expect("a call must be unavailable in time");
        }
    }

    /// Waits until reads and writes succeed, after the storage has become reachable again.
    pub(super) async fn assert_recovers(&self) {
        let (start, limit) = (Instant::now(), MAX_RECOVERY_DURATION.as_secs());
        for number in 1_000.. {
            // The results of the reads must not change, so the new ICP has another user.
            let document = icp(number).users(["user_bob"]).document();
            let insert = calls![self.repository; insert(&document, any_creator(), None);];
            let mut failed = None;
            for (name, call) in self.reads().into_iter().chain(insert) {
                failed = failed.or(in_time(name, call).await.err().map(|error| (name, error)));
            }
            let Some(failed) = failed else { return };
            assert!(
                start.elapsed() < MAX_RECOVERY_DURATION,
                "reads and writes must succeed within {limit} s: {failed:?}"
            );
            sleep(Duration::from_millis(50)).await;
        }
    }
}
