use std::fmt;

use icp_domain::IcpId;

/// A stored ICP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIcp {
    /// The ID.
    pub id: IcpId,
    /// The version of this state.
    pub version: Version,
    /// The canonical text: the wire form on one line.
    pub json: String,
}

/// The version of an ICP. It grows with each change, even if the ID of a deleted ICP is used again.
///
/// Lists of deleted ICPs are sorted by the versions of the deletes, so versions must grow across all ICPs of a storage.
/// A time in microseconds or a counter is suitable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub i64);

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The result of a look-up within an access scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// The value exists and is in the scope.
    Found(T),
    /// The value exists and is not in the scope.
    Forbidden,
    /// The value does not exist.
    Absent,
}

impl<T> Lookup<T> {
    /// Converts the result of a query: the value, if it exists, and a flag that is true if the value is in the scope.
    pub fn of(found: Option<(bool, T)>) -> Self {
        match found {
            Some((true, found)) => Self::Found(found),
            Some((false, _)) => Self::Forbidden,
            None => Self::Absent,
        }
    }

    /// Applies a function to the found value.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Lookup<U> {
        match self {
            Self::Found(found) => Lookup::Found(convert(found)),
            Self::Forbidden => Lookup::Forbidden,
            Self::Absent => Lookup::Absent,
        }
    }
}

/// The result of a conditional read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditional<T, V> {
    /// The value is still at this version, which the caller has.
    Unchanged(V),
    /// The value is at a version that the caller does not have.
    Changed(T),
}

impl<T, V: PartialEq> Conditional<T, V> {
    /// Returns `Unchanged` if `version` is one of `known`, otherwise `Changed` with the value.
    pub fn of(version: V, read: T, known: &[V]) -> Self {
        if known.contains(&version) { Self::Unchanged(version) } else { Self::Changed(read) }
    }
}
