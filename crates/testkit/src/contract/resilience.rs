//! Faults of the storage.

use std::time::{Duration, Instant};

use icp_domain::IcpDocument;
use icp_ports::{
    Conditional, Creation, Health, IcpRepository, IdempotencyKey, Lookup, Quota, RepositoryError, StoredIcp,
    Version,
};
use libtest_mimic::Trial;
use tokio::time::sleep;

use super::Subject;
use super::repository::support::{TestRepository, admin, array, change, concurrently, everything, scope};
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
        read_is_repeated_after_lost_connections,
        read_in_flight_survives_lost_connection,
        insert_with_lost_answer_is_not_repeated,
        insert_with_key_and_lost_answer_is_repeatable,
        replace_with_lost_answer_is_not_repeated,
        delete_with_lost_answer_is_not_repeated,
        known_versions_are_not_confirmed_during_outage,
        health_follows_storage,
    ]
}

/// A repository that contains ICP 1, and its faults.
struct Breakable {
    repository: TestRepository,
    faults: Box<dyn Faults>,
    document: IcpDocument,
    version: Version,
}

/// Calls `call` and fails if it takes longer than the limit.
async fn in_time<T>(what: &str, call: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = call.await;
    let elapsed = start.elapsed();
    assert!(elapsed < LIMIT + TOLERANCE, "{what} took {elapsed:?}, which is more than {LIMIT:?}");
    result
}

async fn assert_unavailable<T: std::fmt::Debug>(
    what: &str,
    call: impl Future<Output = Result<T, RepositoryError>>,
) {
    let result = in_time(what, call).await;
    assert!(matches!(result, Err(RepositoryError::Unavailable(_))), "{what} gave {result:?}");
}

impl Breakable {
    /// Inserts ICP 1, and opens connections for reads and writes.
    async fn new<R: IcpRepository + 'static, B: Faults + 'static>(
        (subject, faults): (Subject<R>, B),
    ) -> Self {
        let repository = TestRepository::from(subject);
        let document = icp(1).document();
        let version = repository.insert_one(&document).await;
        assert_eq!(repository.list_json("user_ada").await, array([&document]));
        Self { repository, faults: Box::new(faults), document, version }
    }

    /// Calls every method that reads or writes, all at once. Each must be `Unavailable`, in time.
    async fn assert_all_unavailable(&self) {
        let Self { repository, document, version, .. } = self;
        let (query, scope) = (everything("user_ada"), scope("user_ada"));
        let changed = change(document, &icp(1).with("name", "changed").document());
        let new = icp(99).document();
        tokio::join!(
            assert_unavailable("list", repository.list(&query)),
            assert_unavailable("list_if_changed", repository.list_if_changed(&query, &[])),
            assert_unavailable("list_part", repository.list_part(&query)),
            assert_unavailable("get", repository.get(id(1), &scope)),
            assert_unavailable("get_if_changed", repository.get_if_changed(id(1), &scope, &[])),
            assert_unavailable("insert", repository.insert(&new, any_creator(), None)),
            assert_unavailable(
                "replace",
                repository.replace(&changed, *version, Quota::UNLIMITED, stamp_without_history())
            ),
            assert_unavailable("delete", repository.delete(id(1), *version, stamp_without_history())),
            // A storage that expires keys by itself answers without a call.
            async {
                let _ =
                    in_time("remove_expired_keys", repository.remove_expired_keys(new.created_at())).await;
            },
        );
    }

    /// Waits until reads and writes work. The storage is back.
    async fn assert_recovers(&self) {
        let start = Instant::now();
        let mut number = 1_000;
        loop {
            let list = in_time("list", self.repository.list(&everything("user_ada"))).await;
            let get = in_time("get", self.repository.get(id(1), &admin())).await;
            let insert =
                in_time("insert", self.repository.insert(&icp(number).document(), any_creator(), None)).await;
            if list.is_ok() && get.is_ok() && insert.is_ok() {
                return;
            }
            let limit = RECOVERY.as_secs();
            assert!(start.elapsed() < RECOVERY, "no recovery in {limit} s: {list:?} {get:?} {insert:?}");
            number += 1;
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
    assert_unavailable("insert", subject.repository.insert(&icp(2).document(), any_creator(), None)).await;
    subject.faults.start();
    subject.assert_recovers().await;
    assert!(subject.repository.find(2).await.is_none(), "the failed insert stored nothing");
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

async fn read_is_repeated_after_lost_connections(subject: Breakable) {
    let Breakable { repository, faults, document, version } = &subject;
    let (query, scope) = (everything("user_ada"), scope("user_ada"));
    let stored = StoredIcp { id: id(1), version: *version, json: document.json().to_owned() };
    let known = repository.read_list(&query).await.version;

    faults.cut();
    let list = in_time("list", repository.list(&query)).await.expect("list failed after a cut");
    assert_eq!(list.icps.to_json(), array([document]));

    faults.cut();
    let list = in_time("list_if_changed", repository.list_if_changed(&query, &[known])).await;
    assert_eq!(list.expect("list_if_changed failed after a cut"), Conditional::Unchanged(known));

    faults.cut();
    let part = in_time("list_part", repository.list_part(&query)).await;
    assert_eq!(part.expect("list_part failed after a cut").icps.to_json(), array([document]));

    faults.cut();
    let found = in_time("get", repository.get(id(1), &scope)).await.expect("get failed after a cut");
    assert_eq!(found, Lookup::Found(stored));

    faults.cut();
    let found = in_time("get_if_changed", repository.get_if_changed(id(1), &scope, &[*version])).await;
    let found = found.expect("get_if_changed failed after a cut");
    assert_eq!(found, Lookup::Found(Conditional::Unchanged(*version)));
}

async fn read_in_flight_survives_lost_connection(subject: Breakable) {
    subject.faults.freeze();
    let repository = subject.repository.clone();
    let read = tokio::spawn(async move { in_time("list", repository.list(&everything("user_ada"))).await });
    sleep(Duration::from_millis(200)).await;
    subject.faults.cut();
    subject.faults.thaw();
    let list = read.await.expect("the read panicked").expect("list failed after a cut");
    assert_eq!(list.icps.to_json(), array([&subject.document]));
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
    let Breakable { repository, faults, document, version } = &subject;
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

async fn known_versions_are_not_confirmed_during_outage(subject: Breakable) {
    let Breakable { repository, faults, version, .. } = &subject;
    let (query, scope) = (everything("user_ada"), scope("user_ada"));
    let known = repository.read_list(&query).await.version;
    let unchanged = repository.list_if_changed(&query, &[known]).await.expect("list_if_changed failed");
    assert_eq!(unchanged, Conditional::Unchanged(known));
    let assert_both_unavailable = async || {
        let (lists, icps) = ([known], [*version]);
        let list = repository.list_if_changed(&query, &lists);
        let get = repository.get_if_changed(id(1), &scope, &icps);
        tokio::join!(assert_unavailable("list_if_changed", list), assert_unavailable("get_if_changed", get))
    };
    faults.freeze();
    assert_both_unavailable().await;
    faults.thaw();
    subject.assert_recovers().await;
    faults.stop();
    assert_both_unavailable().await;
    faults.start();
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
