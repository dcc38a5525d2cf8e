use std::sync::Arc;

use icp_domain::UserId;
use icp_ports::{IcpList, ListQuery};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// The lists that were read last, up to a number of bytes.
///
/// A cached list is never an answer by itself: the storage confirms, for each answer, that the list is still at the cached
/// version.
#[derive(Clone)]
pub(super) struct ListCache(Option<Arc<Lists>>);

type Lists = Cache<UserId, IcpList, Weight>;

impl ListCache {
    /// Creates a cache of `max_bytes`, or one that caches nothing for 0.
    pub(super) fn new(max_bytes: usize) -> Self {
        let options = OptionsBuilder::new()
            // One shard, so that a long list finds room.
            .shards(1)
            .estimated_items_capacity(max_bytes / USUAL_BYTES)
            .weight_capacity(max_bytes as u64)
            .build();
        let lists = options.ok().filter(|_| max_bytes > 0).map(|options| {
            Lists::with_options(options, Weight, DefaultHashBuilder::default(), DefaultLifecycle::default())
        });
        Self(lists.map(Arc::new))
    }

    /// Returns the list that was read for this query the last time.
    pub(super) fn get(&self, query: &ListQuery) -> Option<IcpList> {
        self.lists_for(query)?.get(query.scope.member())
    }

    /// Caches what was read for this query, if it is a whole list.
    pub(super) fn insert(&self, query: &ListQuery, list: &IcpList) {
        if list.next.is_none()
            && let Some(lists) = self.lists_for(query)
        {
            lists.insert(query.scope.member().clone(), list.clone());
        }
    }

    /// Removes the list of a user who writes.
    pub(super) fn invalidate(&self, user_id: &UserId) {
        if let Some(lists) = &self.0 {
            lists.remove(user_id);
        }
    }

    /// Other queries differ too much from each other to be repeated.
    fn lists_for(&self, query: &ListQuery) -> Option<&Lists> {
        self.0.as_deref().filter(|_| query.is_everything())
    }
}

/// The length of most lists, in bytes.
const USUAL_BYTES: usize = 4096;

/// What an entry takes in addition to its text, in bytes.
const OVERHEAD_BYTES: usize = 256;

#[derive(Clone)]
struct Weight;

impl Weighter<UserId, IcpList> for Weight {
    fn weight(&self, _: &UserId, list: &IcpList) -> u64 {
        (list.icps.bytes() + OVERHEAD_BYTES) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::Arc;

    use icp_domain::{Caller, IcpId, IcpPatch, NewIcp, UserId};
    use icp_ports::{IcpList, ListQuery, SystemClock, WireList};
    use icp_testkit::fixtures::user;
    use icp_testkit::memory::InMemoryDatabase;

    use super::ListCache;
    use crate::icps::{IcpService, Known, ListRequest, Listed, random_id};
    use crate::measured::Measured;
    use crate::metrics::Metrics;

    fn everything_of(member: UserId) -> ListQuery {
        ListQuery::everything(Caller::user(member).list_scope())
    }

    fn list_of(bytes: usize) -> IcpList {
        let icps: WireList = [" ".repeat(bytes)].into_iter().collect();
        IcpList { icps, ..IcpList::default() }
    }

    #[test]
    fn cache_is_bounded_by_bytes() {
        let cache = ListCache::new(100_000);
        let query = |number| everything_of(user(&format!("user_{number}")));
        for number in 0..1_000 {
            cache.insert(&query(number), &list_of(1_000));
        }
        let kept = (0..1_000).filter(|number| cache.get(&query(*number)).is_some()).count();
        assert!((50..=100).contains(&kept), "{kept}");
        cache.insert(&query(1_000), &list_of(200_000));
        assert_eq!(cache.get(&query(1_000)), None);
        cache.insert(&query(1_001), &list_of(90_000));
        assert!(cache.get(&query(1_001)).is_some(), "one list may fill most of the cache");
    }

    #[test]
    fn frequent_list_survives_many_others() {
        let cache = ListCache::new(100_000);
        let often = everything_of(user("user_ada"));
        cache.insert(&often, &list_of(1_000));
        for number in 0..1_000 {
            cache.insert(&everything_of(user(&format!("user_{number}"))), &list_of(1_000));
            if number % 20 == 0 {
                assert!(cache.get(&often).is_some(), "after {number}");
            }
        }
    }

    #[test]
    fn only_whole_lists_are_cached() {
        let cache = ListCache::new(100_000);
        let ada = everything_of(user("user_ada"));
        let page = ListQuery { limit: NonZeroUsize::new(1), ..ada.clone() };
        cache.insert(&page, &list_of(1));
        assert_eq!((cache.get(&page), cache.get(&ada)), (None, None));
        let none = ListCache::new(0);
        none.insert(&ada, &list_of(1));
        assert_eq!(none.get(&ada), None);
    }

    /// A service over a repository that counts.
    struct Fixture {
        icps: IcpService,
        metrics: Metrics,
    }

    impl Fixture {
        fn new() -> Self {
            let metrics = Metrics::new(Vec::new());
            let repository = Measured::new(Arc::new(InMemoryDatabase::default()), &metrics);
            let icps = IcpService::new(Arc::new(repository), Arc::new(SystemClock), random_id);
            Self { icps: icps.caching_lists(100_000), metrics }
        }

        async fn list(&self, member: &str) -> String {
            let caller = Caller::user(user(member));
            match self.icps.list(&caller, &ListRequest::default(), None).await.expect("it lists") {
                Listed::Icps { icps, .. } => icps.to_json(),
                other => panic!("{other:?}"),
            }
        }

        /// Returns the number of lists that the storage returned, and of those that it said were unchanged.
        fn returned_and_unchanged(&self) -> (u32, u32) {
            let text = self.metrics.text().expect("it is text");
            let count = |outcome: &str| {
                let line = format!(
                    "icp_database_operation_duration_seconds_count{{operation=\"list\",outcome=\"{outcome}\"}} "
                );
                let count = text.lines().find_map(|found| found.strip_prefix(&line));
                count.map_or(0, |count| count.parse().expect("a number"))
            };
            (count("ok"), count("unchanged"))
        }

        async fn create(&self, member: &str, body: &str) -> IcpId {
            let new = NewIcp::from_json(body).expect("it is right");
            self.icps.create(&Caller::user(user(member)), new).await.expect("it creates").id
        }

        async fn patch(&self, member: &str, id: IcpId, body: &str) {
            let caller = Caller::user(user(member));
            let patch = IcpPatch::from_json(body, &caller).expect("it is right");
            self.icps.update(&caller, id, patch, None).await.expect("it patches");
        }
    }

    const SHARED: &str = r#"{"name": "shared", "leadProviderCriteria": [], "userIds": ["user_bob"]}"#;

    #[tokio::test]
    async fn cached_list_is_confirmed_each_time() {
        let fixture = Fixture::new();
        fixture.create("user_ada", SHARED).await;
        let first = fixture.list("user_bob").await;
        for _ in 0..3 {
            assert_eq!(fixture.list("user_bob").await, first);
        }
        assert_eq!(fixture.returned_and_unchanged(), (1, 3));
        fixture.create("user_ada", r#"{"name": "hers", "leadProviderCriteria": []}"#).await;
        assert_eq!(fixture.list("user_bob").await, first);
        assert_eq!(fixture.returned_and_unchanged(), (1, 4), "the list of another user changed");
    }

    #[tokio::test]
    async fn write_invalidates_own_list() {
        let fixture = Fixture::new();
        let id = fixture.create("user_ada", SHARED).await;
        fixture.list("user_ada").await;
        fixture.patch("user_ada", id, r#"{"name": "renamed"}"#).await;
        assert!(fixture.list("user_ada").await.contains(r#""name":"renamed""#));
        assert_eq!(fixture.returned_and_unchanged(), (2, 0));
    }

    #[tokio::test]
    async fn change_by_others_is_in_next_answer() {
        let fixture = Fixture::new();
        let id = fixture.create("user_ada", SHARED).await;
        assert!(fixture.list("user_bob").await.contains(r#""name":"shared""#));
        fixture.patch("user_ada", id, r#"{"name": "renamed"}"#).await;
        assert!(fixture.list("user_bob").await.contains(r#""name":"renamed""#));
        fixture.create("user_ada", &SHARED.replace("shared", "second")).await;
        assert!(fixture.list("user_bob").await.contains(r#""name":"second""#));
        fixture.patch("user_ada", id, r#"{"userIds": ["user_ada"]}"#).await;
        assert!(!fixture.list("user_bob").await.contains("renamed"), "his access was revoked");
    }

    #[tokio::test]
    async fn client_gets_list_unless_it_has_it() {
        let fixture = Fixture::new();
        let id = fixture.create("user_ada", SHARED).await;
        let bob = Caller::user(user("user_bob"));
        let list = async |known: Option<&Known<_>>| {
            fixture.icps.list(&bob, &ListRequest::default(), known).await.expect("it lists")
        };
        let Listed::Icps { version: first, .. } = list(None).await else { panic!("it is short") };
        let known = Known::Of(vec![first]);
        assert!(matches!(list(Some(&known)).await, Listed::Unchanged(version) if version == first));
        fixture.patch("user_ada", id, r#"{"name": "renamed"}"#).await;
        assert!(matches!(list(Some(&known)).await, Listed::Icps { version, .. } if version != first));
    }
}
