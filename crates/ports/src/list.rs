use std::num::NonZeroUsize;

pub use icp_domain::json::{WireList, WireListBuilder};
use icp_domain::{Activity, IcpId, ListScope, Timestamp};

/// Which ICPs a list contains, in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// The user whose ICPs are listed.
    pub scope: ListScope,
    /// The filter that they match.
    pub filter: ListFilter,
    /// The sort key, and where in that order the list starts.
    pub start: ListStart,
    /// The direction of the order, IDs included.
    pub direction: Direction,
    /// The largest number of ICPs. `None`: no limit.
    pub limit: Option<NonZeroUsize>,
    /// The list ends with the document that reaches this length of all, in bytes: never without any. `None`: no limit.
    pub max_bytes: Option<NonZeroUsize>,
}

impl ListQuery {
    /// Every ICP in a scope, oldest first.
    pub fn everything(scope: ListScope) -> Self {
        Self {
            scope,
            filter: ListFilter::default(),
            start: ListStart::Beginning(Sort::default()),
            direction: Direction::default(),
            limit: None,
            max_bytes: None,
        }
    }

    /// Returns true if the query is for every ICP in scope, oldest first. Ignores `max_bytes`.
    pub fn is_everything(&self) -> bool {
        let Self { scope: _, filter, start, direction, limit, max_bytes: _ } = self;
        *filter == ListFilter::default()
            && *start == ListStart::Beginning(Sort::default())
            && *direction == Direction::default()
            && limit.is_none()
    }

    /// Returns the sort key of the list.
    pub fn sort(&self) -> Sort {
        match &self.start {
            ListStart::Beginning(sort) => *sort,
            ListStart::After(ListCursor { key: SortKey::CreatedAt(_), .. }) => Sort::CreatedAt,
            ListStart::After(ListCursor { key: SortKey::UpdatedAt(_), .. }) => Sort::UpdatedAt,
            ListStart::After(ListCursor { key: SortKey::Name(_), .. }) => Sort::Name,
            ListStart::After(ListCursor { key: SortKey::ActiveUntil(_), .. }) => Sort::ActiveUntil,
        }
    }
}

/// A filter of lists. An ICP matches if it meets all conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// True for ICPs that have expired, false for the others.
    pub activity: Option<Activity>,
    /// They were changed at or after this time.
    pub updated_since: Option<Timestamp>,
    /// They have an `activeUntil`, at or after this time.
    pub expires_from: Option<Timestamp>,
    /// They have an `activeUntil`, before this time.
    pub expires_before: Option<Timestamp>,
    /// Their folded name contains this text, which is folded too (`IcpDocument::folded_name`).
    pub name: Option<String>,
    /// They name this provider (`IcpDocument::providers`).
    pub provider: Option<String>,
}

/// The sort key of a list. ICPs with equal keys are sorted by ID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// `createdAt`
    #[default]
    CreatedAt,
    /// `updatedAt`
    UpdatedAt,
    /// The folded name, compared byte by byte.
    Name,
    /// `activeUntil`. ICPs without it are last in both directions.
    ActiveUntil,
}

/// The direction in which a list is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The least first.
    #[default]
    Ascending,
    /// The greatest first.
    Descending,
}

/// Where a list starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListStart {
    /// With the first ICP in this order.
    Beginning(Sort),
    /// With the first ICP after this position, whether or not its ICP still exists.
    After(ListCursor),
}

/// A position in a sorted list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListCursor {
    /// The value of the sort key.
    pub key: SortKey,
    /// The ID, which orders ICPs with equal keys.
    pub id: IcpId,
}

/// The value of a sort key, of one ICP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// For [`Sort::CreatedAt`].
    CreatedAt(Timestamp),
    /// For [`Sort::UpdatedAt`].
    UpdatedAt(Timestamp),
    /// For [`Sort::Name`].
    Name(String),
    /// For [`Sort::ActiveUntil`].
    ActiveUntil(Option<Timestamp>),
}

/// The answer to a [`ListQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IcpList {
    /// The ICPs.
    pub icps: WireList,
    /// The version of everything that matches the query, including what [`ListQuery::max_bytes`] left out.
    pub version: ListVersion,
    /// The position of the last ICP, if more match the query after it.
    pub next: Option<ListCursor>,
}

/// A part of a long list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPart {
    /// The ICPs.
    pub icps: WireList,
    /// The position of the last ICP, if more may match the query after it.
    pub next: Option<ListCursor>,
}

/// The version of a list: it differs after any change to the ICPs in the list, their number or their order. For a query with
/// a limit it also differs when ICPs follow that did not before, and the reverse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListVersion(pub u64);
