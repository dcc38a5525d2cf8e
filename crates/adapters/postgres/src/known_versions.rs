//! Which states of lists are known to be the present ones, as long as nobody has written.
//!
//! What a statement sees is settled by its snapshot: which transactions had ended when it began. Two statements of one server
//! with the same snapshot therefore see the same. So whoever has read the state of a list together with the snapshot need not
//! read it again while the snapshot is the same, and that is told by the server, in every statement. Any write, of whatever
//! table, gives those after it another snapshot.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use icp_domain::UserId;
use icp_ports::ListVersion;

/// For how many users: about a megabyte.
const MOST: usize = 10_000;

/// What is known of the server that a connection leads to.
#[derive(Default)]
pub(crate) struct KnownVersions(Mutex<Known>);

/// The states of lists in one snapshot.
#[derive(Default)]
struct Known {
    /// As the server writes it; empty when nothing is known.
    snapshot: String,
    /// `None` for a list that is too long to be gathered.
    versions: HashMap<UserId, Option<ListVersion>>,
}

impl KnownVersions {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of these users, in their order, and in which snapshot; `None` unless it is known of all of them.
    pub(crate) fn of(&self, members: &[&UserId]) -> Option<(String, Vec<Option<ListVersion>>)> {
        let known = self.lock();
        let versions: Option<_> = members.iter().map(|member| known.versions.get(*member).copied()).collect();
        Some((known.snapshot.clone(), versions?))
    }

    /// Remembers what was found in a snapshot, and forgets what is known of any other.
    pub(crate) fn note<'a>(
        &self,
        snapshot: &str,
        found: impl IntoIterator<Item = (&'a UserId, Option<ListVersion>)>,
    ) {
        let mut known = self.lock();
        if known.snapshot != snapshot {
            snapshot.clone_into(&mut known.snapshot);
            known.versions.clear();
        }
        for (member, version) in found {
            // Within a snapshot there is nothing new to know of a user.
            if !known.versions.contains_key(member) && known.versions.len() < MOST {
                known.versions.insert(member.clone(), version);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use icp_testkit::fixtures::user;

    use super::KnownVersions;

    #[test]
    fn what_is_known_is_known_of_one_snapshot() {
        let known = KnownVersions::default();
        let (ada, bob) = (user("user_ada"), user("user_bob"));
        assert_eq!(known.of(&[&ada]), None);
        known.note("5:5:", [(&ada, Some(1.into()))]);
        known.note("5:5:", [(&bob, None)]);
        assert_eq!(known.of(&[&bob, &ada]), Some(("5:5:".to_owned(), vec![None, Some(1.into())])));
        known.note("5:6:", [(&bob, None)]);
        assert_eq!(known.of(&[&bob]), Some(("5:6:".to_owned(), vec![None])));
        assert_eq!(known.of(&[&bob, &ada]), None);
    }
}
