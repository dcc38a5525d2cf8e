//! Reads with known versions.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use icp_domain::IcpDocument;
use icp_ports::{Conditional, IcpList, ListQuery, ListVersion, Lookup, StoredIcp, Version};
use tokio::sync::Barrier;
use tokio::task::yield_now;

use super::filters::{filters, orders, varied};
use super::support::{TestRepository, admin, concurrently, everything, retry_overloaded, scope};
use crate::fixtures::{document, icp, id};

/// Number of changes by a writer while readers read.
const CHANGES: i64 = 60;
/// Maximum number of versions that a client sends in a request.
const KNOWN: usize = 8;

impl TestRepository {
    async fn list_unless(
        &self,
        query: &ListQuery,
        known: &[ListVersion],
    ) -> Conditional<IcpList, ListVersion> {
        let list = retry_overloaded(|| self.list_if_changed(query, known)).await;
        list.expect("list_if_changed failed")
    }

    async fn get_unless(
        &self,
        number: u128,
        user_id: &str,
        known: &[Version],
    ) -> Lookup<Conditional<StoredIcp, Version>> {
        let scope = scope(user_id);
        let stored = retry_overloaded(|| self.get_if_changed(id(number), &scope, known)).await;
        stored.expect("get_if_changed failed")
    }
}

/// A version that no list has, except with a probability of one in 2^64.
fn other(version: ListVersion) -> ListVersion {
    ListVersion(version.0.wrapping_add(1))
}

pub(super) async fn list_if_changed_agrees_with_list(repository: TestRepository) {
    repository.insert_all(varied()).await;
    let nonzero = NonZeroUsize::new;
    let cuts = [(None, None), (nonzero(7), None), (None, nonzero(5_000)), (nonzero(7), nonzero(1_000))];
    let queries = filters().into_iter().flat_map(|filter| {
        orders().map(move |order| ListQuery { filter: filter.clone(), ..order }).collect::<Vec<_>>()
    });
    let without_icps = everything("user_without_icps");
    let with_u0000 = everything("user_ada\0");
    for (query, (limit, max_bytes)) in queries.chain([without_icps, with_u0000]).zip(cuts.into_iter().cycle())
    {
        let query = ListQuery { limit, max_bytes, ..query };
        let list = repository.read_list(&query).await;
        let version = list.version;
        for known in [vec![version], vec![other(version), version]] {
            let response = repository.list_unless(&query, &known).await;
            assert_eq!(response, Conditional::Unchanged(version), "{query:?}");
        }
        for known in [vec![], vec![other(version)]] {
            let response = repository.list_unless(&query, &known).await;
            assert_eq!(response, Conditional::Changed(list.clone()), "{query:?}");
        }
    }
}

pub(super) async fn get_if_changed_agrees_with_get(repository: TestRepository) {
    let version = repository.insert_one(&icp(1).document()).await;
    let stored = repository.found(1).await;
    let later = Version(version.0 + 1);
    for known in [vec![version], vec![later, version]] {
        let response = repository.get_unless(1, "user_ada", &known).await;
        assert_eq!(response, Lookup::Found(Conditional::Unchanged(version)));
    }
    for known in [vec![], vec![later]] {
        let response = repository.get_unless(1, "user_ada", &known).await;
        assert_eq!(response, Lookup::Found(Conditional::Changed(stored.clone())));
        assert_eq!(repository.get_unless(2, "user_ada", &known).await, Lookup::Absent);
    }
    for other_user in ["user_bob", "user_ada\0"] {
        assert_eq!(
            repository.get_unless(1, other_user, &[version]).await,
            Lookup::Forbidden,
            "{other_user:?}"
        );
        assert_eq!(repository.get_unless(2, other_user, &[version]).await, Lookup::Absent, "{other_user:?}");
    }
    let root = repository.get_if_changed(id(1), &admin(), &[version]).await.expect("get_if_changed failed");
    assert_eq!(root, Lookup::Found(Conditional::Unchanged(version)), "an admin");
}

/// Makes every kind of change to the list of `user_ada`, through both instances of the adapter. Calls `check` after each.
async fn every_change(repository: &TestRepository, mut check: impl AsyncFnMut(&str)) {
    let one = icp(1).document();
    let renamed = icp(1).with("name", "renamed").document();
    let shared = icp(1).users(["user_ada", "user_bob"]).document();
    let revoked = icp(1).users(["user_bob"]).document();
    let writers = [repository.clone(), repository.second()];
    for writer in &writers {
        let mut version = writer.insert_one(&one).await;
        check("insert").await;
        let states = [&one, &renamed, &shared, &revoked, &one];
        for (before, after) in states.iter().zip(states.iter().skip(1)) {
            let changed = writer.change(before, after, version).await;
            version = changed.expect("must be at that version");
            check("replace").await;
        }
        assert!(writer.remove(1, version).await);
        check("delete").await;
    }
}

pub(super) async fn every_change_makes_known_list_version_stale(repository: TestRepository) {
    repository.insert_one(&icp(2).document()).await;
    for cut in [None, NonZeroUsize::new(1)] {
        let query = ListQuery { max_bytes: cut, ..everything("user_ada") };
        let mut known = vec![repository.read_list(&query).await.version];
        every_change(&repository, async |change| {
            let before = known.last().copied().expect("must not be empty");
            for reader in [repository.clone(), repository.second()] {
                let response = reader.list_unless(&query, &[before]).await;
                let list = reader.read_list(&query).await;
                // The list is the same after a revocation and after the deletion that follows.
                let expected = Conditional::of(list.version, list.clone(), &[before]);
                assert_eq!(response, expected, "after {change}");
                let again = reader.list_unless(&query, &[list.version]).await;
                assert_eq!(again, Conditional::Unchanged(list.version), "after {change}");
            }
            known.push(repository.read_list(&query).await.version);
        })
        .await;
        let distinct =
            known.iter().enumerate().filter(|(at, one)| !known.iter().take(*at).any(|a| a == *one));
        // The first list, and the lists of each writer after its insert and three of its changes.
        assert!(distinct.count() >= 9, "{known:?}");
    }
}

pub(super) async fn every_change_makes_known_version_stale(repository: TestRepository) {
    let mut known: Vec<Version> = Vec::new();
    every_change(&repository, async |change| {
        for reader in [repository.clone(), repository.second()] {
            let response = reader.get_unless(1, "user_ada", &known).await;
            let expected = match reader.find(1).await {
                None => Lookup::Absent,
                Some(stored) if !stored.json.contains("user_ada") => Lookup::Forbidden,
                Some(stored) => Lookup::Found(Conditional::of(stored.version, stored, &known)),
            };
            assert_eq!(response, expected, "after {change}");
        }
        if let Some(stored) = repository.find(1).await {
            assert!(!known.contains(&stored.version), "{} was given before: {known:?}", stored.version);
            known.push(stored.version);
        }
    })
    .await;
}

pub(super) async fn revoked_access_is_gone_from_next_read(repository: TestRepository) {
    let before = icp(1).users(["user_ada", "user_bob"]).document();
    let after = icp(1).users(["user_bob"]).document();
    let version = repository.insert_one(&before).await;
    let query = everything("user_ada");
    let known = repository.read_list(&query).await.version;
    assert_eq!(repository.list_unless(&query, &[known]).await, Conditional::Unchanged(known));
    let changed = repository.second().change(&before, &after, version).await.expect("at that version");
    match repository.list_unless(&query, &[known]).await {
        Conditional::Changed(list) => assert!(list.icps.is_empty(), "{}", list.icps.to_json()),
        Conditional::Unchanged(_) => panic!("the revoked access is still in the list"),
    }
    assert_eq!(repository.list_json("user_ada").await, "[]");
    assert_eq!(repository.read_part(&query).await.icps.to_json(), "[]");
    for known in [version, changed] {
        assert_eq!(repository.get_unless(1, "user_ada", &[known]).await, Lookup::Forbidden);
    }
    assert_eq!(repository.look_up(1, &scope("user_ada")).await, Lookup::Forbidden);
}

fn numbered(number: i64) -> IcpDocument {
    icp(1).with("leadsPerList", number).document()
}

/// Returns the number in the only ICP of a list, or in a document.
fn number_in(json: &str) -> i64 {
    let json = json.trim_start_matches('[').trim_end_matches(']');
    document(json).to_icp().expect("a document is an ICP").leads_per_list
}

/// Number of concurrent readers.
const READERS: u32 = 4;

/// The shared state of the writer and the readers.
struct Progress {
    /// The last state whose write has ended.
    done: AtomicI64,
    /// The barrier at which the writer waits until each reader has read once, so that every reader sees changes.
    all_have_read: Barrier,
}

impl Progress {
    fn new() -> Arc<Self> {
        let all_have_read = Barrier::new(READERS as usize + 1);
        Arc::new(Self { done: AtomicI64::new(0), all_have_read })
    }
}

/// Changes the ICP to state 1, 2 and so on, after each reader has read once.
async fn write_states(repository: TestRepository, mut version: Version, progress: Arc<Progress>) {
    let writers = [repository.second(), repository];
    progress.all_have_read.wait().await;
    for (number, writer) in (1..=CHANGES).zip(writers.iter().cycle()) {
        let changed = writer.change(&numbered(number - 1), &numbered(number), version).await;
        version = changed.expect("must have one writer");
        progress.done.store(number, Ordering::SeqCst);
    }
}

/// Adds a version to those that a reader has read last, and returns its state.
fn record<V: Copy + PartialEq>(seen: &mut Vec<(V, i64)>, version: V, number: i64) -> i64 {
    match seen.iter().find(|(one, _)| *one == version) {
        Some((_, before)) => assert_eq!(*before, number, "one version for two states"),
        None => seen.push((version, number)),
    }
    if seen.len() > KNOWN {
        seen.remove(0);
    }
    number
}

/// Calls `read` in each reader until it returns the last state. `read` gets the versions that the reader has seen, adds
/// what it reads to them, and returns the number of the state.
async fn assert_never_stale<V: Send + 'static, F>(
    repository: TestRepository,
    read: impl Fn(TestRepository, Vec<(V, i64)>) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = (i64, Vec<(V, i64)>)> + Send + 'static,
{
    let version = repository.insert_one(&numbered(0)).await;
    let progress = Progress::new();
    let writer = tokio::spawn(write_states(repository.clone(), version, Arc::clone(&progress)));
    concurrently(READERS, |reader| {
        let repository = if reader % 2 == 0 { repository.clone() } else { repository.second() };
        let (progress, read) = (Arc::clone(&progress), read.clone());
        async move {
            let (mut newest, mut seen) = read(repository.clone(), Vec::new()).await;
            progress.all_have_read.wait().await;
            while newest < CHANGES {
                // A read in memory never waits. Readers on every thread of the runtime would keep the writer from running.
                yield_now().await;
                let least = progress.done.load(Ordering::SeqCst);
                (newest, seen) = read(repository.clone(), seen).await;
                assert!(newest >= least, "read state {newest} after the write of state {least} ended");
            }
        }
    })
    .await;
    writer.await.expect("the writer panicked");
}

/// Returns the state of a known version.
fn state_of<V: PartialEq>(seen: &[(V, i64)], version: &V) -> i64 {
    seen.iter().find(|(one, _)| one == version).expect("an unchanged version is one of those known").1
}

pub(super) async fn known_list_version_is_never_stale(repository: TestRepository) {
    assert_never_stale(repository, |repository, mut seen: Vec<(ListVersion, i64)>| async move {
        let known: Vec<_> = seen.iter().map(|(version, _)| *version).collect();
        let newest = match repository.list_unless(&everything("user_ada"), &known).await {
            Conditional::Changed(list) => record(&mut seen, list.version, number_in(&list.icps.to_json())),
            Conditional::Unchanged(version) => state_of(&seen, &version),
        };
        (newest, seen)
    })
    .await;
}

pub(super) async fn known_version_is_never_stale(repository: TestRepository) {
    assert_never_stale(repository, |repository, mut seen: Vec<(Version, i64)>| async move {
        let known: Vec<_> = seen.iter().map(|(version, _)| *version).collect();
        let newest = match repository.get_unless(1, "user_ada", &known).await {
            Lookup::Found(Conditional::Changed(stored)) => {
                record(&mut seen, stored.version, number_in(&stored.json))
            }
            Lookup::Found(Conditional::Unchanged(version)) => state_of(&seen, &version),
            other => panic!("the ICP exists and is in scope: {other:?}"),
        };
        (newest, seen)
    })
    .await;
}
