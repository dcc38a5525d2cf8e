use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use icp_domain::{IcpId, ListScope, Timestamp, WireList};

use crate::Version;

/// Which of the ICPs in a scope are wanted, and in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Whose ICPs.
    pub scope: ListScope,
    /// Which of them.
    pub filter: ListFilter,
    /// By what they are sorted; those that are alike in it, by their ids.
    pub sort: Sort,
    /// In which direction, ids included.
    pub direction: Direction,
    /// How many, at least one; all when `None`.
    pub limit: Option<usize>,
    /// Those that come after this place. It is of the kind that `sort` has.
    pub after: Option<Place>,
    /// How long the documents may be together, in bytes: the list ends with the one that reaches it, or before, but never
    /// without any. No limit when `None`.
    pub max_bytes: Option<usize>,
}

impl ListQuery {
    /// Everything in a scope, oldest first.
    pub fn everything(scope: ListScope) -> Self {
        Self {
            scope,
            filter: ListFilter::default(),
            sort: Sort::default(),
            direction: Direction::default(),
            limit: None,
            after: None,
            max_bytes: None,
        }
    }

    /// Whether it asks for everything, oldest first, however much of it at once.
    pub fn is_for_everything(&self) -> bool {
        let Self { scope: _, filter, sort, direction, limit, after, max_bytes: _ } = self;
        *filter == ListFilter::default()
            && (*sort, *direction) == (Sort::default(), Direction::default())
            && (limit, after) == (&None, &None)
    }
}

/// What must be true of the ICPs in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Whether they are in force.
    pub activity: Option<Activity>,
    /// When they were last changed: then or later.
    pub updated_since: Option<Timestamp>,
    /// What their names hold, both in lower case (`IcpDocument::folded_name`).
    pub name: Option<String>,
    /// Which provider they name (`IcpDocument::providers`).
    pub provider: Option<String>,
}

/// Whether an ICP is in force at a time: until its `activeUntil`, and for good without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It is.
    ActiveAt(Timestamp),
    /// It is no longer.
    ExpiredAt(Timestamp),
}

impl Activity {
    /// Whether this is true of an ICP with this `activeUntil`.
    pub fn is_true_of(self, active_until: Option<Timestamp>) -> bool {
        match self {
            Self::ActiveAt(now) => active_until.is_none_or(|end| end > now),
            Self::ExpiredAt(now) => active_until.is_some_and(|end| end <= now),
        }
    }
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// `createdAt`
    #[default]
    CreatedAt,
    /// `updatedAt`
    UpdatedAt,
    /// The name in lower case, compared byte for byte.
    Name,
}

/// In which direction a list is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The least first.
    #[default]
    Ascending,
    /// The greatest first.
    Descending,
}

/// Where an ICP stands in a sorted list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// What the list is sorted by.
    pub key: PlaceKey,
    /// Tells those apart that are alike in it.
    pub id: IcpId,
}

/// What a list is sorted by, of one ICP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceKey {
    /// For [`Sort::CreatedAt`] and [`Sort::UpdatedAt`].
    Time(Timestamp),
    /// For [`Sort::Name`].
    Name(String),
}

/// What a repository answers to a [`ListQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IcpList {
    /// The ICPs.
    pub icps: WireList,
    /// Which state of the list this is.
    pub version: ListVersion,
    /// The place of the last one, when there are more after it; where [`ListQuery::max_bytes`] ended the list, when there may
    /// be.
    pub next: Option<Place>,
}

/// Which state of a list: another one whenever an ICP in it changes, comes or goes, or another one stands first.
///
/// It is a digest of the ids and versions, and so needs no document. Made of the same ICPs it is the same whatever the
/// storage; what it is may change with a version of this crate or of the compiler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListVersion(u64);

impl ListVersion {
    /// The number.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl From<u64> for ListVersion {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

/// Puts a [`ListVersion`] together, one ICP after the other.
#[derive(Clone, Debug, Default)]
pub struct ListVersionBuilder(DefaultHasher);

impl ListVersionBuilder {
    /// Adds the next ICP of the list.
    pub fn push(&mut self, id: IcpId, version: Version) {
        (id, version).hash(&mut self.0);
    }

    /// The version of a list with these ICPs, and with more after them or not.
    pub fn finish(mut self, has_more: bool) -> ListVersion {
        self.0.write_u8(has_more.into());
        ListVersion(self.0.finish())
    }
}
