//! Faults of the storage.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::{Duration, Instant};

use icp_domain::{IcpDocument, Operation, Timestamp};
use icp_ports::{
    Creation, Health, IcpRepository, IdempotencyKey, ListVersion, Lookup, Quota, Replacement,
    RepositoryError, Version,
};
use libtest_mimic::Trial;
use tokio::time::sleep;

use super::Subject;
use super::history::support::{all, at, undeleting};
use super::repository::support::{TestRepository, admin, change, concurrently, everything, scope};
use super::trial::trials;
use crate::fixtures::{any_creator, icp, id, stamp_without_history, user};

/// Limit of every read and write.
const LIMIT: Duration = Duration::from_secs(5);
/// Limit of a health check.
const HEALTH_LIMIT: Duration = Duration::from_secs(3);
/// What the test's own work may add to a limit.
const TOLERANCE: Duration = Duration::from_millis(500);
/// Limit of recovery, after the storage is back.
const RECOVERY: Duration = Duration::from_secs(10);

/// Injects faults between a repository and its storage. The author of an adapter implements it for the suite of
/// [`resilience`]: for a server, with a TCP proxy in front of it.
pub trait Faults: Send + Sync {
    /// Closes every connection. New connections work.
    fn cut(&self);

    /// Makes the storage hang: connections stay open and are accepted, and nothing is answered.
    fn freeze(&self);

    /// Ends [`Faults::freeze`].
    fn thaw(&self);

    /// Makes the storage unreachable: closes every connection and refuses new ones.
    fn stop(&self);

    /// Ends [`Faults::stop`].
    fn start(&self);

    /// Lets the storage do the next write, then loses its answer: closes the connection instead.
    fn lose_next_answer(&self);
}

/// The suite of a repository whose storage fails for a time.
///
/// `make` returns the repository on a fresh, empty storage, and a handle that breaks that storage.
pub fn resilience<R: IcpRepository + 'static, B: Faults + 'static>(
    name: &str,
    make: impl AsyncFn() -> (Subject<R>, B) + Clone + Send + 'static,
) -> Vec<Trial> {
    trials![
        name, make, |subject| Breakable::new(subject).await;
        hanging_storage_is_unavailable_within_five_seconds,
        unreachable_storage_is_unavailable_within_five_seconds,
        many_calls_to_hanging_storage_end_in_time,
        recovers_after_hang,
        recovers_after_outage,
        recovers_after_outage_of_idle_storage,
        recovers_after_lost_connections,
        reads_are_repeated_after_lost_connections,
        reads_in_flight_survive_lost_connections,
        insert_with_lost_answer_is_not_repeated,
        insert_with_key_and_lost_answer_is_repeatable,
        replace_with_lost_answer_is_not_repeated,
        delete_with_lost_answer_is_not_repeated,
        undelete_with_lost_answer_is_not_repeated,
        failed_writes_change_nothing,
        health_follows_storage,
    ]
}

/// The number of the ICP that is deleted.
const DELETED: u128 = 50;

/// A repository that contains ICP 1 and the history of a deleted ICP, and its faults.
struct Breakable {
    repository: TestRepository,
    faults: Box<dyn Faults>,
    document: IcpDocument,
    version: Version,
    list_version: ListVersion,
    /// The version of the delete. `None` if the storage keeps no history.
    deleted: Option<Version>,
    /// The results of the reads.
    expected: Vec<String>,
}

/// A call of a method, with the name of the method. The result is its debug text.
type Call = (&'static str, Pin<Box<dyn Future<Output = Result<String, RepositoryError>> + Send>>);

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
async fn in_time<T>(what: &str, call: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = call.await;
    let elapsed = start.elapsed();
    assert!(elapsed < LIMIT + TOLERANCE, "{what} took {elapsed:?}, which is more than {LIMIT:?}");
    result
}

async fn assert_unavailable<T: Debug>(what: &str, call: impl Future<Output = Result<T, RepositoryError>>) {
    let result = in_time(what, call).await;
    assert!(matches!(result, Err(RepositoryError::Unavailable(_))), "{what} gave {result:?}");
}

impl Breakable {
    /// Inserts ICP 1 and one that it deletes, and opens connections for reads and writes.
    async fn new<R: IcpRepository + 'static, B: Faults + 'static>(
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
    fn reads(&self) -> Vec<Call> {
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
    fn writes(&self) -> Vec<Call> {
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
    async fn assert_all_unavailable(&self) {
        let calls = self.reads().into_iter().chain(self.writes());
        let calls: Vec<_> = calls.map(|(name, call)| tokio::spawn(assert_unavailable(name, call))).collect();
        let remove = self.repository.remove_expired_keys(self.document.created_at());
        let _ = in_time("remove_expired_keys", remove).await;
        for call in calls {
            call.await.expect("a call does what it must not");
        }
    }

    /// Waits until reads and writes work. The storage is back.
    async fn assert_recovers(&self) {
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

async fn hanging_storage_is_unavailable_within_five_seconds(subject: Breakable) {
    subject.faults.freeze();
    subject.assert_all_unavailable().await;
    subject.faults.thaw();
}

async fn unreachable_storage_is_unavailable_within_five_seconds(subject: Breakable) {
    subject.faults.stop();
    subject.assert_all_unavailable().await;
    subject.faults.start();
}

async fn many_calls_to_hanging_storage_end_in_time(subject: Breakable) {
    subject.faults.freeze();
    concurrently(100, |task| {
        let repository = subject.repository.clone();
        async move {
            let failed = if task % 4 == 0 {
                let document = icp(100 + u128::from(task)).document();
                in_time("insert", repository.insert(&document, any_creator(), None)).await.err()
            } else {
                in_time("list", repository.list(&everything("user_ada"))).await.err()
            };
            let is_expected =
                matches!(failed, Some(RepositoryError::Unavailable(_) | RepositoryError::Overloaded));
            assert!(is_expected, "{failed:?}");
        }
    })
    .await;
    subject.faults.thaw();
    subject.assert_recovers().await;
}

async fn recovers_after_hang(subject: Breakable) {
    subject.faults.freeze();
    assert_unavailable("list", subject.repository.list(&everything("user_ada"))).await;
    subject.faults.thaw();
    subject.assert_recovers().await;
}

async fn recovers_after_outage(subject: Breakable) {
    subject.faults.stop();
    assert_unavailable("list", subject.repository.list(&everything("user_ada"))).await;
    subject.faults.start();
    subject.assert_recovers().await;
}

async fn recovers_after_outage_of_idle_storage(subject: Breakable) {
    subject.faults.stop();
    sleep(Duration::from_millis(300)).await;
    subject.faults.start();
    subject.assert_recovers().await;
}

async fn recovers_after_lost_connections(subject: Breakable) {
    for _ in 0..3 {
        subject.faults.cut();
        subject.assert_recovers().await;
    }
}

async fn reads_are_repeated_after_lost_connections(subject: Breakable) {
    for ((name, read), expected) in subject.reads().into_iter().zip(&subject.expected) {
        subject.faults.cut();
        let result = in_time(name, read).await;
        assert_eq!(result.as_ref().ok(), Some(expected), "{name} after a cut: {result:?}");
    }
}

async fn reads_in_flight_survive_lost_connections(subject: Breakable) {
    subject.faults.freeze();
    let reads = subject.reads().into_iter().map(|(name, read)| tokio::spawn(in_time(name, read)));
    let reads: Vec<_> = reads.collect();
    sleep(Duration::from_millis(200)).await;
    subject.faults.cut();
    subject.faults.thaw();
    for (read, expected) in reads.into_iter().zip(&subject.expected) {
        let result = read.await.expect("the read panicked");
        assert_eq!(result.as_ref().ok(), Some(expected), "a read after a cut: {result:?}");
    }
}

async fn insert_with_lost_answer_is_not_repeated(subject: Breakable) {
    let document = icp(2).created_at("2024-02-01T00:00:00.000Z").document();
    subject.faults.lose_next_answer();
    assert_unavailable("insert", subject.repository.insert(&document, any_creator(), None)).await;
    subject.assert_recovers().await;
    assert_eq!(subject.repository.found(2).await.json, document.json(), "the insert was done");
    let list = subject.repository.list_json("user_ada").await;
    assert_eq!(list.matches(&id(2).to_string()).count(), 1, "{list}");
}

async fn insert_with_key_and_lost_answer_is_repeatable(subject: Breakable) {
    let key = IdempotencyKey { user_id: user("user_ada"), key: "k".to_owned(), fingerprint: [1; 32] };
    let document = icp(2).document();
    subject.faults.lose_next_answer();
    assert_unavailable("insert", subject.repository.insert(&document, any_creator(), Some(&key))).await;
    subject.assert_recovers().await;
    let outcome = subject.repository.insert_once(&icp(3).document(), &key).await;
    assert!(matches!(&outcome, Creation::Repeated(stored) if stored.id == id(2)), "{outcome:?}");
    assert_eq!(subject.repository.stored(2..=3).await, [document.json()]);
}

async fn replace_with_lost_answer_is_not_repeated(subject: Breakable) {
    let Breakable { repository, faults, document, version, .. } = &subject;
    let after = icp(1).with("name", "after").document();
    let change = change(document, &after);
    faults.lose_next_answer();
    assert_unavailable(
        "replace",
        repository.replace(&change, *version, Quota::UNLIMITED, stamp_without_history()),
    )
    .await;
    subject.assert_recovers().await;
    assert_eq!(repository.found(1).await.json, after.json(), "the change was made");
    assert_eq!(repository.change(document, &after, *version).await, None, "it is at another version");
}

async fn delete_with_lost_answer_is_not_repeated(subject: Breakable) {
    subject.faults.lose_next_answer();
    assert_unavailable("delete", subject.repository.delete(id(1), subject.version, stamp_without_history()))
        .await;
    subject.assert_recovers().await;
    assert_eq!(subject.repository.find(1).await, None, "it was deleted");
}

async fn undelete_with_lost_answer_is_not_repeated(subject: Breakable) {
    let Breakable { repository, faults, deleted: Some(deleted), .. } = &subject else { return };
    let last = icp(DELETED).document();
    let change = undeleting(&last, &last);
    let undelete = || repository.undelete(&change, *deleted, Quota::UNLIMITED, stamp_without_history());
    faults.lose_next_answer();
    assert_unavailable("undelete", undelete()).await;
    subject.assert_recovers().await;
    assert_eq!(repository.found(DELETED).await.json, change.document().json(), "it was brought back");
    let page = repository.revisions(id(DELETED), &admin(), &all()).await.expect("revisions failed");
    let Lookup::Found(page) = page else { panic!("the history is gone: {page:?}") };
    let operations: Vec<_> = page.revisions.iter().map(|revision| revision.operation).collect();
    assert_eq!(operations, [Operation::Restore, Operation::Delete, Operation::Create]);
    assert_eq!(undelete().await.expect("undelete failed"), Replacement::OtherVersion);
}

async fn failed_writes_change_nothing(subject: Breakable) {
    subject.faults.stop();
    subject.assert_all_unavailable().await;
    subject.faults.start();
    subject.assert_recovers().await;
    for ((name, read), expected) in subject.reads().into_iter().zip(&subject.expected) {
        assert_eq!(&read.await.expect("a read failed"), expected, "{name}");
    }
}

async fn health_follows_storage(subject: Breakable) {
    let health = async |expected: Health, when: &str| {
        let start = Instant::now();
        assert_eq!(subject.repository.health().await, expected, "{when}");
        let elapsed = start.elapsed();
        assert!(elapsed < HEALTH_LIMIT + TOLERANCE, "{when}, health took {elapsed:?}");
    };
    health(Health::Ok, "at first").await;
    subject.faults.freeze();
    health(Health::Unavailable, "while the storage hangs").await;
    subject.faults.thaw();
    subject.assert_recovers().await;
    health(Health::Ok, "after a hang").await;
    subject.faults.stop();
    health(Health::Unavailable, "while the storage is unreachable").await;
    subject.faults.start();
    subject.assert_recovers().await;
    health(Health::Ok, "after an outage").await;
}
