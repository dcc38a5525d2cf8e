//! Reads that send the versions that the client knows.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use icp_domain::IcpDocument;
use icp_ports::{Conditional, IcpList, ListQuery, ListVersion, Lookup, StoredIcp, Version};
use tokio::sync::Barrier;
use tokio::task::yield_now;

use super::filters::{filters, queries_in_every_order, varied_icps};
use super::support::{
    TestRepository, admin_scope, all_icps_query, concurrently, retry_overloaded, user_scope,
};
use crate::fixtures::{document, icp, id};

/// Number of changes that the writer makes while the readers read.
const CHANGE_COUNT: i64 = 60;
/// Maximum number of versions that a reader of these tests records, and sends with its next read.
const MAX_KNOWN_VERSIONS: usize = 8;

impl TestRepository {
    /// Returns the list, unless its version is one of `known`.
    async fn list_unless(
        &self,
        query: &ListQuery,
        known: &[ListVersion],
    ) -> Conditional<IcpList, ListVersion> {
        let list = retry_overloaded(|| self.list_if_changed(query, known)).await;
        list.expect("list_if_changed failed")
    }

    /// Returns the ICP, unless its version is one of `known`.
    async fn get_unless(
        &self,
        number: u128,
        user_id: &str,
        known: &[Version],
    ) -> Lookup<Conditional<StoredIcp, Version>> {
        let scope = user_scope(user_id);
        let stored = retry_overloaded(|| self.get_if_changed(id(number), &scope, known)).await;
        stored.expect("get_if_changed failed")
    }
}

/// Returns another version. The probability that a list has this version is 2^-64.
fn other_version(version: ListVersion) -> ListVersion {
    ListVersion(version.0.wrapping_add(1))
}

pub(super) async fn list_if_changed_agrees_with_list(repository: TestRepository) {
    repository.insert_all(varied_icps()).await;
    let nonzero = NonZeroUsize::new;
    let limits = [(None, None), (nonzero(7), None), (None, nonzero(5_000)), (nonzero(7), nonzero(1_000))];
    let queries = filters().into_iter().flat_map(|filter| {
        queries_in_every_order()
            .map(move |order| ListQuery { filter: filter.clone(), ..order })
            .collect::<Vec<_>>()
    });
    let without_icps = all_icps_query("user_without_icps");
    let with_u0000 = all_icps_query("user_ada\0");
    let queries = queries.chain([without_icps, with_u0000]);
    for (query, (limit, max_bytes)) in queries.zip(limits.into_iter().cycle()) {
        let query = ListQuery { limit, max_bytes, ..query };
        let list = repository.read_list(&query).await;
        let version = list.version;
        for known in [vec![version], vec![other_version(version), version]] {
            let response = repository.list_unless(&query, &known).await;
            assert_eq!(response, Conditional::Unchanged(version), "{query:?}");
        }
        for known in [vec![], vec![other_version(version)]] {
            let response = repository.list_unless(&query, &known).await;
            assert_eq!(response, Conditional::Changed(list.clone()), "{query:?}");
        }
    }
}

pub(super) async fn get_if_changed_agrees_with_get(repository: TestRepository) {
    let version = repository.insert_one(&icp(1).document()).await;
    let stored = repository.must_find(1).await;
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
        for (number, expected) in [(1, Lookup::Forbidden), (2, Lookup::Absent)] {
            let response = repository.get_unless(number, other_user, &[version]).await;
            assert_eq!(response, expected, "{other_user:?}");
        }
    }
    let response = repository.get_if_changed(id(1), &admin_scope(), &[version]).await;
    assert_eq!(response.expect("an admin must have access"), Lookup::Found(Conditional::Unchanged(version)));
}

/// Makes every kind of change to the list of `user_ada` through both instances. Calls `check` after each change.
async fn make_every_change(repository: &TestRepository, mut check: impl AsyncFnMut(&str)) {
    let original = icp(1).document();
    let renamed = icp(1).with("name", "renamed").document();
    let shared = icp(1).users(["user_ada", "user_bob"]).document();
    let revoked = icp(1).users(["user_bob"]).document();
    let writers = [repository.clone(), repository.second_instance()];
    for writer in &writers {
        let mut version = writer.insert_one(&original).await;
        check("insert").await;
        let states = [&original, &renamed, &shared, &revoked, &original];
        for (before, after) in states.iter().zip(states.iter().skip(1)) {
            let changed = writer.change(before, after, version).await;
            version = changed.expect("the ICP must have the expected version");
            check("replace").await;
        }
        assert!(writer.remove(1, version).await);
        check("delete").await;
    }
}

pub(super) async fn every_change_changes_list_version(repository: TestRepository) {
    repository.insert_one(&icp(2).document()).await;
    for max_bytes in [None, NonZeroUsize::new(1)] {
        let query = ListQuery { max_bytes, ..all_icps_query("user_ada") };
        let mut known = vec![repository.read_list(&query).await.version];
        make_every_change(&repository, async |change| {
            let before = known.last().copied().expect("there must be a known version");
            for reader in [repository.clone(), repository.second_instance()] {
                let response = reader.list_unless(&query, &[before]).await;
                let list = reader.read_list(&query).await;
                // The response must be the list, unless it has the version `before`.
                let expected = Conditional::of(list.version, list.clone(), &[before]);
                assert_eq!(response, expected, "after {change}");
                let response = reader.list_unless(&query, &[list.version]).await;
                assert_eq!(response, Conditional::Unchanged(list.version), "after {change}");
            }
            known.push(repository.read_list(&query).await.version);
        })
        .await;
        // The first list, and the lists of each of the two writers after its insert and three of its changes.
        let earlier = |index: usize| known.iter().take(index);
        let distinct = known
            .iter()
            .enumerate()
            .filter(|(index, version)| !earlier(*index).any(|other| other == *version));
        assert!(distinct.count() >= 9, "at least 9 versions must differ: {known:?}");
    }
}

pub(super) async fn every_change_changes_icp_version(repository: TestRepository) {
    let mut known: Vec<Version> = Vec::new();
    make_every_change(&repository, async |change| {
        for reader in [repository.clone(), repository.second_instance()] {
            let response = reader.get_unless(1, "user_ada", &known).await;
            let expected = match reader.find(1).await {
                None => Lookup::Absent,
                Some(stored) if !stored.json.contains("user_ada") => Lookup::Forbidden,
                Some(stored) => Lookup::Found(Conditional::of(stored.version, stored, &known)),
            };
            assert_eq!(response, expected, "after {change}");
        }
        if let Some(stored) = repository.find(1).await {
            assert!(!known.contains(&stored.version), "{} was used before: {known:?}", stored.version);
            known.push(stored.version);
        }
    })
    .await;
}

pub(super) async fn next_read_respects_revoked_access(repository: TestRepository) {
    let before = icp(1).users(["user_ada", "user_bob"]).document();
    let after = icp(1).users(["user_bob"]).document();
    let version = repository.insert_one(&before).await;
    let query = all_icps_query("user_ada");
    let known = repository.read_list(&query).await.version;
    assert_eq!(repository.list_unless(&query, &[known]).await, Conditional::Unchanged(known));
    let changed = repository.second_instance().change(&before, &after, version).await;
    let changed = changed.expect("the ICP must have the expected version");
    match repository.list_unless(&query, &[known]).await {
        Conditional::Changed(list) => assert!(list.icps.is_empty(), "{}", list.icps.to_json()),
        Conditional::Unchanged(_) => panic!("the list must not contain the ICP after the access was revoked"),
    }
    assert_eq!(repository.list_json("user_ada").await, "[]");
    assert_eq!(repository.read_part(&query).await.icps.to_json(), "[]");
    for known in [version, changed] {
        assert_eq!(repository.get_unless(1, "user_ada", &[known]).await, Lookup::Forbidden);
    }
    assert_eq!(repository.look_up(1, &user_scope("user_ada")).await, Lookup::Forbidden);
}

fn icp_state(number: i64) -> IcpDocument {
    icp(1).with("leadsPerList", number).document()
}

/// Returns the number of the state. `json` is a document, or a list with a single document.
fn state_number(json: &str) -> i64 {
    let json = json.trim_start_matches('[').trim_end_matches(']');
    document(json).to_icp().expect("the document must be an ICP").leads_per_list
}

const READER_COUNT: u32 = 4;

/// The shared state of the writer and the readers.
struct Progress {
    /// The number of the last state whose write has ended.
    last_written: AtomicI64,
    /// The barrier at which the writer waits until each reader has read once, so that every reader sees changes.
    all_have_read: Barrier,
}

impl Progress {
    fn new() -> Arc<Self> {
        let all_have_read = Barrier::new(READER_COUNT as usize + 1);
        Arc::new(Self { last_written: AtomicI64::new(0), all_have_read })
    }
}

/// Changes the ICP to state 1, 2 and so on, after each reader has read once.
async fn write_states(repository: TestRepository, mut version: Version, progress: Arc<Progress>) {
    let writers = [repository.second_instance(), repository];
    progress.all_have_read.wait().await;
    for (number, writer) in (1..=CHANGE_COUNT).zip(writers.iter().cycle()) {
        let changed = writer.change(&icp_state(number - 1), &icp_state(number), version).await;
        version = changed.expect("only this task may change the ICP");
        progress.last_written.store(number, Ordering::SeqCst);
    }
}

/// Records a version that a reader has read, and checks that the version belongs to only one state. Returns the state.
fn record<V: Copy + PartialEq>(seen: &mut Vec<(V, i64)>, version: V, number: i64) -> i64 {
    match seen.iter().find(|(recorded, _)| *recorded == version) {
        Some((_, before)) => assert_eq!(*before, number, "two states must not have the same version"),
        None => seen.push((version, number)),
    }
    if seen.len() > MAX_KNOWN_VERSIONS {
        seen.remove(0);
    }
    number
}

/// Runs readers that call `read` until it returns the last state. Checks that no reader reads an outdated state.
/// `read` gets the versions that the reader knows. It returns the state that it has read, and the known versions.
async fn assert_never_stale<V: Send + 'static, F>(
    repository: TestRepository,
    read: impl Fn(TestRepository, Vec<(V, i64)>) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = (i64, Vec<(V, i64)>)> + Send + 'static,
{
    let version = repository.insert_one(&icp_state(0)).await;
    let progress = Progress::new();
    let writer = tokio::spawn(write_states(repository.clone(), version, Arc::clone(&progress)));
    concurrently(READER_COUNT, |reader| {
        let repository = if reader % 2 == 0 { repository.clone() } else { repository.second_instance() };
        let (progress, read) = (Arc::clone(&progress), read.clone());
        async move {
            let (mut newest, mut seen) = read(repository.clone(), Vec::new()).await;
            progress.all_have_read.wait().await;
            while newest < CHANGE_COUNT {
                // A read of the in-memory adapter never yields, so readers could prevent the writer from running.
                yield_now().await;
                let last_written = progress.last_written.load(Ordering::SeqCst);
                (newest, seen) = read(repository.clone(), seen).await;
                assert!(newest >= last_written, "read state {newest} after state {last_written} was written");
            }
        }
    })
    .await;
    writer.await.expect("the writer must not panic");
}

/// Returns the state of a known version.
fn state_of<V: PartialEq>(seen: &[(V, i64)], version: &V) -> i64 {
    let recorded = seen.iter().find(|(recorded, _)| recorded == version);
    recorded.expect("an unchanged version must be one of the given versions").1
}

pub(super) async fn unchanged_list_is_never_stale(repository: TestRepository) {
    assert_never_stale(repository, |repository, mut seen: Vec<(ListVersion, i64)>| async move {
        let known: Vec<_> = seen.iter().map(|(version, _)| *version).collect();
        let newest = match repository.list_unless(&all_icps_query("user_ada"), &known).await {
            Conditional::Changed(list) => record(&mut seen, list.version, state_number(&list.icps.to_json())),
            Conditional::Unchanged(version) => state_of(&seen, &version),
        };
        (newest, seen)
    })
    .await;
}

pub(super) async fn unchanged_icp_is_never_stale(repository: TestRepository) {
    assert_never_stale(repository, |repository, mut seen: Vec<(Version, i64)>| async move {
        let known: Vec<_> = seen.iter().map(|(version, _)| *version).collect();
        let newest = match repository.get_unless(1, "user_ada", &known).await {
            Lookup::Found(Conditional::Changed(stored)) => {
                record(&mut seen, stored.version, state_number(&stored.json))
            }
            Lookup::Found(Conditional::Unchanged(version)) => state_of(&seen, &version),
            other => panic!("the ICP must exist and be in scope: {other:?}"),
        };
        (newest, seen)
    })
    .await;
}
