//! Lists that are too long to be gathered: each has a statement to itself, which all who ask for the same list share.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use icp_domain::UserId;
use icp_ports::{IcpList, ListVersion, RepositoryError};

use crate::connection::Connection;
use crate::connections::Connections;
use crate::gathering::Gathered;
use crate::list;
use crate::snapshots::known_or_read;

/// The whole list of a user, oldest first.
pub(crate) struct LongLists;

/// The state of the list of a user.
pub(crate) struct LongVersions;

/// Which list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LongList {
    pub(crate) member: UserId,
    pub(crate) max_bytes: Option<usize>,
}

impl Gathered for LongLists {
    type Question = LongList;
    type Answer = IcpList;
    const COMPANY: usize = 1;

    async fn ask(connections: &Connections, lists: &[&LongList]) -> Result<Vec<IcpList>, RepositoryError> {
        let Some(LongList { member, max_bytes }) = lists.first() else { return Ok(Vec::new()) };
        let list = connections.read_long(|connection| list::everything(connection, member, *max_bytes));
        Ok(vec![list.await?])
    }
}

impl Gathered for LongVersions {
    type Question = UserId;
    type Answer = ListVersion;
    const COMPANY: usize = 1;

    async fn ask(
        connections: &Connections,
        members: &[&UserId],
    ) -> Result<Vec<ListVersion>, RepositoryError> {
        let Some(member) = members.first() else { return Ok(Vec::new()) };
        let reading = async |connection: Arc<Connection>| {
            let read = async {
                let version = list::version_of_everything(Arc::clone(&connection), member).await?;
                Ok(vec![Some(version)])
            };
            known_or_read(&connection, members, read).await
        };
        Ok(connections.read_long(reading).await?.into_iter().flatten().collect())
    }
}

/// Which users had long lists when they were last asked for, more or less: users share places. It is only about which way is
/// tried first, and whichever it is leads to the same list.
pub(crate) struct LongOnes(Box<[AtomicU64; WORDS]>);

/// 8 kB, for 65,536 places.
const WORDS: usize = 1024;

impl LongOnes {
    pub(crate) fn contains(&self, member: &UserId) -> bool {
        let (word, bit) = self.place(member);
        word.load(Ordering::Relaxed) & bit != 0
    }

    /// Remembers whether a user's list is long.
    pub(crate) fn note(&self, member: &UserId, is_long: bool) {
        let (word, bit) = self.place(member);
        if is_long {
            word.fetch_or(bit, Ordering::Relaxed);
        } else {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    fn place(&self, member: &UserId) -> (&AtomicU64, u64) {
        let mut hasher = DefaultHasher::new();
        member.hash(&mut hasher);
        let hash = hasher.finish();
        let [first, ..] = &*self.0;
        let index = usize::try_from(hash / 64).unwrap_or_default() % WORDS;
        (self.0.get(index).unwrap_or(first), 1 << (hash % 64))
    }
}

impl Default for LongOnes {
    fn default() -> Self {
        Self(Box::new([const { AtomicU64::new(0) }; WORDS]))
    }
}

#[cfg(test)]
mod tests {
    use icp_testkit::fixtures::user;

    use super::LongOnes;

    #[test]
    fn a_user_is_remembered_until_their_list_is_short() {
        let (ones, ada) = (LongOnes::default(), user("user_ada"));
        assert!(!ones.contains(&ada));
        ones.note(&ada, true);
        assert!(ones.contains(&ada) && !ones.contains(&user("user_bob")));
        ones.note(&ada, false);
        assert!(!ones.contains(&ada));
    }
}
