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
pub(crate) struct ListCache(Option<Arc<Lists>>);

type Lists = Cache<UserId, IcpList, Weight>;

impl ListCache {
    /// Creates a cache of `max_bytes`, or one that caches nothing for 0.
    pub(crate) fn new(max_bytes: usize) -> Self {
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
    pub(crate) fn get(&self, query: &ListQuery) -> Option<IcpList> {
        self.lists_for(query)?.get(query.scope.user_id())
    }

    /// Caches what was read for this query, if it is a whole list. Returns the cached list: of many requests that read the
    /// same list at the same time, only one keeps its copy.
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

    /// Removes the list of a user who writes.
    pub(crate) fn invalidate(&self, user_id: &UserId) {
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

    use icp_domain::{Caller, UserId};
    use icp_ports::{IcpList, ListQuery, WireList};
    use icp_testkit::fixtures::user;

    use super::ListCache;

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
            cache.insert(&query(number), list_of(1_000));
        }
        let kept = (0..1_000).filter(|number| cache.get(&query(*number)).is_some()).count();
        assert!((50..=100).contains(&kept), "{kept}");
        cache.insert(&query(1_000), list_of(200_000));
        assert_eq!(cache.get(&query(1_000)), None);
        cache.insert(&query(1_001), list_of(90_000));
        assert!(cache.get(&query(1_001)).is_some(), "one list may fill most of the cache");
    }

    #[test]
    fn frequent_list_survives_many_others() {
        let cache = ListCache::new(100_000);
        let often = everything_of(user("user_ada"));
        cache.insert(&often, list_of(1_000));
        for number in 0..1_000 {
            cache.insert(&everything_of(user(&format!("user_{number}"))), list_of(1_000));
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
        cache.insert(&page, list_of(1));
        assert_eq!((cache.get(&page), cache.get(&ada)), (None, None));
        let none = ListCache::new(0);
        none.insert(&ada, list_of(1));
        assert_eq!(none.get(&ada), None);
    }
}
