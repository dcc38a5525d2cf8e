use std::collections::HashMap;

use icp_domain::UserId;
use icp_ports::ListVersion;

/// Maximum number of users whose list version is cached. A full cache needs about one megabyte.
const MAX_USERS: usize = 10_000;

/// A cache of list versions, which are valid in one state of the storage.
///
/// The storage reports its state `S`. Every write changes the state, even a write by another program. An adapter must
/// query the state before it reads a version. If a write happens between the query and the read, the adapter caches a
/// newer version under the old state. The next reported state differs, so the cache is then cleared.
///
/// ```
/// use icp_ports::ListVersion;
/// use icp_storage::VersionCache;
///
/// let ada = "user_ada".parse()?;
/// let mut cache = VersionCache::default();
/// cache.enter(7);
/// cache.insert(&7, &ada, ListVersion(1));
/// assert_eq!(cache.get(&ada), Some(ListVersion(1)));
/// cache.enter(8);
/// assert_eq!(cache.get(&ada), None);
/// # Ok::<(), icp_domain::EmptyUserId>(())
/// ```
#[derive(Clone, Debug)]
pub struct VersionCache<S> {
    state: Option<S>,
    versions: HashMap<UserId, ListVersion>,
}

impl<S: PartialEq> VersionCache<S> {
    /// Records the state that the storage has just reported. Clears the cache if the state has changed.
    pub fn enter(&mut self, state: S) {
        if self.state.as_ref() != Some(&state) {
            self.state = Some(state);
            self.versions.clear();
        }
    }

    /// Clears the cache and its state.
    pub fn clear(&mut self) {
        self.state = None;
        self.versions.clear();
    }

    /// Returns the version of a user's list in the recorded state, if it is cached.
    pub fn get(&self, user_id: &UserId) -> Option<ListVersion> {
        self.versions.get(user_id).copied()
    }

    /// Caches a version that was read after `state` was reported. Does nothing if another state has been recorded in
    /// the meantime, or if the cache is full.
    pub fn insert(&mut self, state: &S, user_id: &UserId, version: ListVersion) {
        if self.state.as_ref() == Some(state) && self.versions.len() < MAX_USERS {
            self.versions.insert(user_id.clone(), version);
        }
    }
}

impl<S> Default for VersionCache<S> {
    fn default() -> Self {
        Self { state: None, versions: HashMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use icp_domain::UserId;
    use icp_ports::ListVersion;

    use super::{MAX_USERS, VersionCache};

    fn user(id: &str) -> UserId {
        id.parse().expect("must be a valid user ID")
    }

    #[test]
    fn version_is_cached_in_its_state_only() {
        let mut cache = VersionCache::default();
        let ada = user("user_ada");
        cache.insert(&"5:5:", &ada, ListVersion(1));
        assert_eq!(cache.get(&ada), None, "must not be cached before a state is reported");
        cache.enter("5:5:");
        cache.insert(&"5:5:", &ada, ListVersion(1));
        cache.enter("5:5:");
        assert_eq!(cache.get(&ada), Some(ListVersion(1)));
        cache.enter("5:6:");
        cache.insert(&"5:5:", &ada, ListVersion(1));
        assert_eq!(cache.get(&ada), None, "must not be cached if it was read in an earlier state");
    }

    #[test]
    fn cache_is_bounded() {
        let mut cache = VersionCache::default();
        cache.enter(());
        for number in 0..=MAX_USERS {
            cache.insert(&(), &user(&format!("user_{number}")), ListVersion(1));
        }
        assert_eq!(cache.versions.len(), MAX_USERS);
    }
}
