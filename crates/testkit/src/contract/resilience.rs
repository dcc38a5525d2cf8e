//! The contract of a repository while its storage fails.

mod faulty_subject;

use std::time::{Duration, Instant};

use icp_domain::Operation;
use icp_ports::{
    Creation, Health, IcpRepository, IdempotencyKey, Lookup, Quota, Replacement, RepositoryError,
};
use libtest_mimic::Trial;
use tokio::time::sleep;

use super::Subject;
use super::history::support::{all_revisions_query, undelete_change};
use super::repository::support::{admin_scope, all_icps_query, change, concurrently};
use super::trial::trials;
use crate::fixtures::{any_creator, icp, id, stamp_without_history};
use faulty_subject::{DELETED_ICP, FaultySubject, TOLERANCE, assert_unavailable, in_time};

/// Maximum duration of a health check.
const MAX_HEALTH_DURATION: Duration = Duration::from_secs(3);

/// Injects faults between a repository and its storage.
///
/// The author of an adapter implements this trait for the suite [`resilience`]. For a database server, the
/// implementation can use a TCP proxy.
pub trait Faults: Send + Sync {
    /// Closes all connections. New connections are accepted.
    fn cut(&self);

    /// Makes the storage hang. Open connections stay open, and new connections are accepted, but the storage sends no
    /// responses.
    fn freeze(&self);

    /// Ends [`Faults::freeze`].
    fn thaw(&self);

    /// Makes the storage unreachable. Closes all connections, and refuses new connections.
    fn stop(&self);

    /// Ends [`Faults::stop`].
    fn start(&self);

    /// Loses the response to the next write. The storage executes the write, but closes the connection instead of
    /// sending the response.
    fn lose_next_response(&self);
}

/// The suite of a repository whose storage fails temporarily.
///
/// `make` returns a repository on a fresh, empty storage, to which all migrations have been applied, and the faults of
/// this storage.
pub fn resilience<R: IcpRepository + 'static, B: Faults + 'static>(
    name: &str,
    make: impl AsyncFn() -> (Subject<R>, B) + Clone + Send + 'static,
) -> Vec<Trial> {
    trials![
        name, make, |subject| FaultySubject::new(subject).await;
        hanging_storage_is_unavailable_within_five_seconds,
        unreachable_storage_is_unavailable_within_five_seconds,
        many_calls_to_hanging_storage_end_in_time,
        recovers_after_hang,
        recovers_after_outage,
        recovers_after_outage_of_idle_storage,
        recovers_after_lost_connections,
        reads_are_repeated_after_lost_connections,
        reads_in_flight_survive_lost_connections,
        insert_with_lost_response_is_not_repeated,
        insert_with_key_and_lost_response_is_repeatable,
        replace_with_lost_response_is_not_repeated,
        delete_with_lost_response_is_not_repeated,
        undelete_with_lost_response_is_not_repeated,
        failed_writes_change_nothing,
        health_reports_state_of_storage,
    ]
}

async fn hanging_storage_is_unavailable_within_five_seconds(subject: FaultySubject) {
    subject.faults.freeze();
    subject.assert_all_unavailable().await;
    subject.faults.thaw();
}

async fn unreachable_storage_is_unavailable_within_five_seconds(subject: FaultySubject) {
    subject.faults.stop();
    subject.assert_all_unavailable().await;
    subject.faults.start();
}

async fn many_calls_to_hanging_storage_end_in_time(subject: FaultySubject) {
    subject.faults.freeze();
    concurrently(100, |task| {
        let repository = subject.repository.clone();
        async move {
            let failed = if task % 4 == 0 {
                let document = icp(100 + u128::from(task)).document();
                in_time("insert", repository.insert(&document, any_creator(), None)).await.err()
            } else {
                in_time("list", repository.list(&all_icps_query("user_ada"))).await.err()
            };
            let is_expected =
                matches!(failed, Some(RepositoryError::Unavailable(_) | RepositoryError::Overloaded));
            assert!(is_expected, "the call must be unavailable or overloaded: {failed:?}");
        }
    })
    .await;
    subject.faults.thaw();
    subject.assert_recovers().await;
}

async fn recovers_after_hang(subject: FaultySubject) {
    subject.faults.freeze();
    assert_unavailable("list", subject.repository.list(&all_icps_query("user_ada"))).await;
    subject.faults.thaw();
    subject.assert_recovers().await;
}

async fn recovers_after_outage(subject: FaultySubject) {
    subject.faults.stop();
    assert_unavailable("list", subject.repository.list(&all_icps_query("user_ada"))).await;
    subject.faults.start();
    subject.assert_recovers().await;
}

async fn recovers_after_outage_of_idle_storage(subject: FaultySubject) {
    subject.faults.stop();
    sleep(Duration::from_millis(300)).await;
    subject.faults.start();
    subject.assert_recovers().await;
}

async fn recovers_after_lost_connections(subject: FaultySubject) {
    for _ in 0..3 {
        subject.faults.cut();
        subject.assert_recovers().await;
    }
}

async fn reads_are_repeated_after_lost_connections(subject: FaultySubject) {
    for ((name, read), expected) in subject.reads().into_iter().zip(&subject.expected) {
        subject.faults.cut();
        let result = in_time(name, read).await;
        assert_eq!(
            result.as_ref().ok(),
            Some(expected),
            "{name} must succeed after its connection was lost: {result:?}"
        );
    }
}

async fn reads_in_flight_survive_lost_connections(subject: FaultySubject) {
    subject.faults.freeze();
    let reads = subject.reads().into_iter().map(|(name, read)| tokio::spawn(in_time(name, read)));
    let reads: Vec<_> = reads.collect();
    sleep(Duration::from_millis(200)).await;
    subject.faults.cut();
    subject.faults.thaw();
    for (read, expected) in reads.into_iter().zip(&subject.expected) {
        let result = read.await.expect("the read must not panic");
        assert_eq!(
            result.as_ref().ok(),
            Some(expected),
            "a read must succeed after its connection was lost: {result:?}"
        );
    }
}

async fn insert_with_lost_response_is_not_repeated(subject: FaultySubject) {
    let document = icp(2).created_at("2024-02-01T00:00:00.000Z").document();
    subject.faults.lose_next_response();
    assert_unavailable("insert", subject.repository.insert(&document, any_creator(), None)).await;
    subject.assert_recovers().await;
    assert_eq!(
        subject.repository.must_find(2).await.json,
        document.json(),
        "the storage must have executed the insert"
    );
    let list = subject.repository.list_json("user_ada").await;
    assert_eq!(list.matches(&id(2).to_string()).count(), 1, "{list}");
}

async fn insert_with_key_and_lost_response_is_repeatable(subject: FaultySubject) {
    let key = IdempotencyKey { key: "k".to_owned(), fingerprint: [1; 32] };
    let document = icp(2).document();
    subject.faults.lose_next_response();
    assert_unavailable("insert", subject.repository.insert(&document, any_creator(), Some(&key))).await;
    subject.assert_recovers().await;
    let outcome = subject.repository.insert_once(&icp(3).document(), &key).await;
    assert!(matches!(&outcome, Creation::Repeated(stored) if stored.id == id(2)), "{outcome:?}");
    assert_eq!(subject.repository.stored_texts(2..=3).await, [document.json()]);
}

async fn replace_with_lost_response_is_not_repeated(subject: FaultySubject) {
    let FaultySubject { repository, faults, document, version, .. } = &subject;
    let after = icp(1).with("name", "after").document();
    let change = change(document, &after);
    faults.lose_next_response();
    assert_unavailable(
        "replace",
        repository.replace(&change, *version, Quota::UNLIMITED, stamp_without_history()),
    )
    .await;
    subject.assert_recovers().await;
    assert_eq!(repository.must_find(1).await.json, after.json(), "the storage must have executed the change");
    assert_eq!(
        repository.change(document, &after, *version).await,
        None,
        "the ICP must have another version"
    );
}

async fn delete_with_lost_response_is_not_repeated(subject: FaultySubject) {
    subject.faults.lose_next_response();
    assert_unavailable("delete", subject.repository.delete(id(1), subject.version, stamp_without_history()))
        .await;
    subject.assert_recovers().await;
    assert_eq!(subject.repository.find(1).await, None, "the storage must have executed the delete");
}

async fn undelete_with_lost_response_is_not_repeated(subject: FaultySubject) {
    // A storage without history cannot restore a deleted ICP.
    let FaultySubject { repository, faults, deleted: Some(deleted), .. } = &subject else { return };
    let last = icp(DELETED_ICP).document();
    let change = undelete_change(&last, &last);
    let undelete = || repository.undelete(&change, *deleted, Quota::UNLIMITED, stamp_without_history());
    faults.lose_next_response();
    assert_unavailable("undelete", undelete()).await;
    subject.assert_recovers().await;
    assert_eq!(
        repository.must_find(DELETED_ICP).await.json,
        change.document().json(),
        "the storage must have executed the undelete"
    );
    let page = repository
        .revisions(id(DELETED_ICP), &admin_scope(), &all_revisions_query())
        .await
        .expect("revisions failed");
    let Lookup::Found(page) = page else { panic!("the history must exist: {page:?}") };
    let operations: Vec<_> = page.revisions.iter().map(|revision| revision.operation).collect();
    assert_eq!(operations, [Operation::Restore, Operation::Delete, Operation::Create]);
    assert_eq!(undelete().await.expect("undelete failed"), Replacement::OtherVersion);
}

async fn failed_writes_change_nothing(subject: FaultySubject) {
    subject.faults.stop();
    subject.assert_all_unavailable().await;
    subject.faults.start();
    subject.assert_recovers().await;
    for ((name, read), expected) in subject.reads().into_iter().zip(&subject.expected) {
        assert_eq!(&read.await.expect("a read failed"), expected, "{name}");
    }
}

async fn health_reports_state_of_storage(subject: FaultySubject) {
    let assert_health = async |expected: Health, when: &str| {
        let start = Instant::now();
        assert_eq!(subject.repository.health().await, expected, "{when}");
        let elapsed = start.elapsed();
        assert!(elapsed < MAX_HEALTH_DURATION + TOLERANCE, "{when}, health took {elapsed:?}");
    };
    assert_health(Health::Ok, "at first").await;
    subject.faults.freeze();
    assert_health(Health::Unavailable, "while the storage hangs").await;
    subject.faults.thaw();
    subject.assert_recovers().await;
    assert_health(Health::Ok, "after a hang").await;
    subject.faults.stop();
    assert_health(Health::Unavailable, "while the storage is unreachable").await;
    subject.faults.start();
    subject.assert_recovers().await;
    assert_health(Health::Ok, "after an outage").await;
}
