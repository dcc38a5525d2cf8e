use std::cmp::Ordering;
use std::num::NonZeroUsize;

pub use icp_domain::json::{WireList, WireListBuilder};
use icp_domain::{Activity, IcpId, ListScope, Timestamp, limits};

/// A query for a list: its ICPs and their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// The user whose ICPs are listed.
    pub scope: ListScope,
    /// The filter that the ICPs must match.
    pub filter: ListFilter,
    /// The sort key, and the position where the list starts.
    pub start: ListStart,
    /// The direction of the order. It also applies to ICPs with equal keys, which are sorted by ID.
    pub direction: Direction,
    /// Maximum number of ICPs. `None` means no limit.
    pub limit: Option<NonZeroUsize>,
    /// The list ends after the document that brings the total length in bytes to this limit or above. If any ICP
    /// matches, the list has at least one document. `None` means no limit.
    pub max_bytes: Option<NonZeroUsize>,
}

impl ListQuery {
    /// Returns the query for every ICP in a scope, oldest first.
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
    /// The condition on the expiry.
    pub activity: Option<Activity>,
    /// Matches ICPs with an `updatedAt` at or after this time.
    pub updated_since: Option<Timestamp>,
    /// Matches ICPs with an `activeUntil` at or after this time.
    pub expires_from: Option<Timestamp>,
    /// Matches ICPs with an `activeUntil` before this time.
    pub expires_before: Option<Timestamp>,
    /// Matches ICPs whose folded name contains this folded text (`IcpDocument::folded_name`).
    pub name: Option<String>,
    /// Matches ICPs with this provider (`IcpDocument::providers`).
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
    /// The first [`SortKey::MAX_NAME_CHARS`] characters of the folded name, compared byte by byte.
    Name,
    /// `activeUntil`. ICPs without it are last in both directions.
    ActiveUntil,
}

/// The direction in which a list is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest key first.
    #[default]
    Ascending,
    /// Largest key first.
    Descending,
}

/// The start of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListStart {
    /// The list starts with the first ICP in this order.
    Beginning(Sort),
    /// The list starts with the first ICP after this position. There may be no ICP at the position any more.
    After(ListCursor),
}

/// A position in a sorted list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCursor {
    /// The value of the sort key.
    pub key: SortKey,
    /// The ID, which orders ICPs with equal keys.
    pub id: IcpId,
}

impl ListCursor {
    /// Compares two positions in a list with this direction. ICPs without `activeUntil` are last in both directions.
    pub fn compare(&self, other: &Self, direction: Direction) -> Ordering {
        let is_last = |cursor: &Self| cursor.key == SortKey::ActiveUntil(None);
        let ascending = (&self.key, self.id).cmp(&(&other.key, other.id));
        is_last(self).cmp(&is_last(other)).then(match direction {
            Direction::Ascending => ascending,
            Direction::Descending => ascending.reverse(),
        })
    }
}

/// The value of one ICP's sort key.
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

impl SortKey {
    /// Maximum length in characters of the part of a folded name that is a sort key. An imported name can be longer,
    /// but a cursor contains the key and must be short enough for a URL.
    pub const MAX_NAME_CHARS: usize = limits::NAME;
}

/// The result of a [`ListQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IcpList {
    /// The ICPs.
    pub icps: WireList,
    /// The version of the ICPs that match the query, up to [`ListQuery::limit`]. It covers the ICPs that are omitted
    /// because of [`ListQuery::max_bytes`].
    pub version: ListVersion,
    /// The position of the last ICP in `icps`, if more ICPs that match the query follow.
    pub next: Option<ListCursor>,
}

/// A part of a long list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPart {
    /// The ICPs.
    pub icps: WireList,
    /// The position of the last ICP in `icps`, if more ICPs that match the query may follow.
    pub next: Option<ListCursor>,
}

/// The version of a list. It differs after any change of the ICPs in the list, their number or their order. For a query
/// with a limit, it also depends on whether more ICPs follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListVersion(pub u64);
