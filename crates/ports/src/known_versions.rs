use std::collections::HashMap;

use icp_domain::UserId;

use crate::ListVersion;

/// For how many users: about a megabyte.
const MOST: usize = 10_000;

/// Versions of lists that are known to be the present ones for as long as the storage stays in one state: so that an
/// adapter need not read a list to tell its version while nobody has written.
///
/// A state `S` is whatever the storage says of itself that differs after every write, whoever wrote. An adapter MUST ask the
/// storage for its state each time, before or together with what it reads in it.
///
/// ```
/// use icp_ports::KnownVersions;
///
/// let ada = "user_ada".parse()?;
/// let mut known = KnownVersions::default();
/// known.note(&7, &ada, 1.into());
/// assert_eq!((known.state(), known.of(&ada)), (Some(&7), Some(1.into())));
/// # Ok::<(), icp_domain::EmptyUserId>(())
/// ```
#[derive(Clone, Debug)]
pub struct KnownVersions<S> {
    state: Option<S>,
    versions: HashMap<UserId, ListVersion>,
}

impl<S: Clone + PartialEq> KnownVersions<S> {
    /// The state in which everything that is known was seen; `None` when nothing is.
    pub fn state(&self) -> Option<&S> {
        self.state.as_ref()
    }

    /// The version of a user's list in this state, if it is known.
    pub fn of(&self, member: &UserId) -> Option<ListVersion> {
        self.versions.get(member).copied()
    }

    /// Notes what was seen in a state, and forgets what is known of any other. When it knows much already, it MAY note
    /// nothing.
    pub fn note(&mut self, state: &S, member: &UserId, version: ListVersion) {
        if self.state.as_ref() != Some(state) {
            self.state = Some(state.clone());
            self.versions.clear();
        }
        // Within a state there is nothing new to know of a user.
        if !self.versions.contains_key(member) && self.versions.len() < MOST {
            self.versions.insert(member.clone(), version);
        }
    }
}

/// Nothing known yet.
impl<S> Default for KnownVersions<S> {
    fn default() -> Self {
        Self { state: None, versions: HashMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use icp_domain::UserId;

    use super::{KnownVersions, MOST};

    fn user(id: &str) -> UserId {
        id.parse().expect("an id")
    }

    #[test]
    fn what_is_known_is_known_of_one_state() {
        let mut known = KnownVersions::default();
        let (ada, bob) = (user("user_ada"), user("user_bob"));
        assert_eq!((known.state(), known.of(&ada)), (None, None));
        known.note(&"5:5:", &ada, 1.into());
        known.note(&"5:5:", &bob, 2.into());
        assert_eq!((known.of(&ada), known.of(&bob)), (Some(1.into()), Some(2.into())));
        known.note(&"5:6:", &bob, 3.into());
        assert_eq!((known.state(), known.of(&ada), known.of(&bob)), (Some(&"5:6:"), None, Some(3.into())));
    }

    #[test]
    fn it_is_bounded() {
        let mut known = KnownVersions::default();
        for number in 0..=MOST {
            known.note(&(), &user(&format!("user_{number}")), 1.into());
        }
        assert_eq!(known.versions.len(), MOST);
    }
}
