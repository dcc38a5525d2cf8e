use std::fmt;

use icp_domain::IcpId;

/// One ICP as it stands in the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIcp {
    /// The identifier.
    pub id: IcpId,
    /// Which of its states this is.
    pub version: Version,
    /// The canonical text: the wire form on one line.
    pub json: String,
}

/// Which state of an ICP: another one after each change.
///
/// Versions of one ICP grow. An ICP that comes back under an id that was deleted goes on above what it had, so that no
/// two states ever shown under one id have the same version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i64);

impl Version {
    /// The number.
    pub fn number(self) -> i64 {
        self.0
    }
}

impl From<i64> for Version {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What is found under an id by somebody who may not see everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// It is there and within the scope.
    Found(T),
    /// It is there and not within the scope.
    Forbidden,
    /// It is not there.
    Absent,
}

impl<T> Lookup<T> {
    /// From what a storage found, if anything, and whether that is within the scope.
    pub fn of(found: Option<(bool, T)>) -> Self {
        match found {
            Some((true, found)) => Self::Found(found),
            Some((false, _)) => Self::Forbidden,
            None => Self::Absent,
        }
    }
}
