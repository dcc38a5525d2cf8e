use std::sync::Arc;

use icp_domain::UserId;
use icp_ports::{IcpList, ListQuery};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// A cache of complete lists, bounded by their size in bytes.
///
/// For each response, the storage confirms that a cached list still has the current version.
#[derive(Clone)]
pub(crate) struct ListCache(Option<Arc<Lists>>);

type Lists = Cache<UserId, IcpList, ListWeighter>;

impl ListCache {
    /// Creates a cache of at most `max_bytes`. A cache of 0 bytes stores no lists.
    pub(crate) fn new(max_bytes: usize) -> Self {
        let options = OptionsBuilder::new()
            // The capacity is divided among the shards. With one shard, a list may fill most of the cache.
            .shards(1)
            .estimated_items_capacity(max_bytes / TYPICAL_LIST_BYTES)
            .weight_capacity(max_bytes as u64)
            .build();
        let lists = options.ok().filter(|_| max_bytes > 0).map(|options| {
            Lists::with_options(
                options,
                ListWeighter,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            )
        });
        Self(lists.map(Arc::new))
    }

    /// Returns the list for this query, if it is cached.
    pub(crate) fn get(&self, query: &ListQuery) -> Option<IcpList> {
        self.lists_for(query)?.get(query.scope.user_id())
    }

    /// Caches the list of this query if it is complete. Returns the cached list if it has the same version, so that
    /// concurrent requests for one list share one copy.
    pub(crate) fn insert(&self, query: &ListQuery, list: IcpList) -> IcpList {
        let Some(lists) = self.lists_for(query).filter(|_| list.next.is_none()) else { return list };
        let user_id = query.scope.user_id();
        match lists.get(user_id) {
            Some(cached) if cached.version == list.version => cached,
            _ => {
                lists.insert(user_id.clone(), list.clone());
                list
            }
        }
    }

    /// Removes the list of a user.
    pub(crate) fn invalidate(&self, user_id: &UserId) {
        if let Some(lists) = &self.0 {
            lists.remove(user_id);
        }
    }

    /// Returns the cache if it applies to this query. Pages, and lists with a filter or another order, are not cached,
    /// because clients rarely request them again.
    fn lists_for(&self, query: &ListQuery) -> Option<&Lists> {
        self.0.as_deref().filter(|_| query.is_everything())
    }
}

/// The typical size of a list, in bytes. The estimated number of lists in the cache is based on it.
const TYPICAL_LIST_BYTES: usize = 4096;

/// The memory that an entry needs in addition to its text, in bytes.
const OVERHEAD_BYTES: usize = 256;

#[derive(Clone)]
struct ListWeighter;

impl Weighter<UserId, IcpList> for ListWeighter {
    fn weight(&self, _: &UserId, list: &IcpList) -> u64 {
        (list.icps.bytes() + OVERHEAD_BYTES) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use icp_domain::{Caller, UserId};
    use icp_ports::{IcpList, ListQuery, WireList};
    use icp_testkit::fixtures::user;

    use super::ListCache;

    fn everything_of(user_id: UserId) -> ListQuery {
        ListQuery::everything(Caller::user(user_id).list_scope())
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
            cache.insert(&query(number), list_of(1_000));
        }
        let cached = (0..1_000).filter(|number| cache.get(&query(*number)).is_some()).count();
        assert!((50..=100).contains(&cached), "must contain 50 to 100 lists, not {cached}");
        cache.insert(&query(1_000), list_of(200_000));
        assert_eq!(cache.get(&query(1_000)), None, "a list above the limit must not be cached");
        cache.insert(&query(1_001), list_of(90_000));
        assert!(cache.get(&query(1_001)).is_some(), "one list may fill most of the cache");
    }

    #[test]
    fn frequent_list_survives_many_others() {
        let cache = ListCache::new(100_000);
        let frequent = everything_of(user("user_ada"));
        cache.insert(&frequent, list_of(1_000));
        for number in 0..1_000 {
            cache.insert(&everything_of(user(&format!("user_{number}"))), list_of(1_000));
            if number % 20 == 0 {
                assert!(cache.get(&frequent).is_some(), "must stay in the cache after {number} other lists");
            }
        }
    }

    #[test]
    fn pages_are_not_cached_and_cache_can_be_off() {
        let cache = ListCache::new(100_000);
        let ada = everything_of(user("user_ada"));
        let page = ListQuery { limit: NonZeroUsize::new(1), ..ada.clone() };
        cache.insert(&page, list_of(1));
        assert_eq!((cache.get(&page), cache.get(&ada)), (None, None));
        let disabled = ListCache::new(0);
        disabled.insert(&ada, list_of(1));
        assert_eq!(disabled.get(&ada), None);
    }
}
