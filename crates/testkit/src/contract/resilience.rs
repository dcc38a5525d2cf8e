//! Faults of the storage.

mod breakable;

use std::time::{Duration, Instant};

use icp_domain::Operation;
use icp_ports::{
    Creation, Health, IcpRepository, IdempotencyKey, Lookup, Quota, Replacement, RepositoryError,
};
use libtest_mimic::Trial;
use tokio::time::sleep;

use super::Subject;
use super::history::support::{all, undeleting};
use super::repository::support::{admin, change, concurrently, everything};
use super::trial::trials;
use crate::fixtures::{any_creator, icp, id, stamp_without_history, user};
use breakable::{Breakable, DELETED, TOLERANCE, assert_unavailable, in_time};

/// Limit of a health check.
const HEALTH_LIMIT: Duration = Duration::from_secs(3);
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
