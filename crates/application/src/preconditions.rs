use crate::ServiceError;

/// The versions in an `If-Match` or `If-None-Match` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionMatch<V> {
    /// `*`: every version.
    Any,
    /// One of these versions.
    OneOf(Vec<V>),
}

impl<V: PartialEq> VersionMatch<V> {
    /// Returns true if the header names the version or is `*`.
    pub fn contains(&self, version: &V) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(version),
        }
    }
}

/// The preconditions of a request (RFC 9110, section 13). By default there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preconditions<V> {
    /// The current version must be one of these versions.
    pub if_match: Option<VersionMatch<V>>,
    /// The current version must not be one of these versions.
    pub if_none_match: Option<VersionMatch<V>>,
}

impl<V> Default for Preconditions<V> {
    fn default() -> Self {
        Self { if_match: None, if_none_match: None }
    }
}

impl<V: PartialEq> Preconditions<V> {
    /// Returns true if the request has no conditions.
    pub fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Returns the versions that the client has, according to `If-None-Match`.
    pub(crate) fn client_versions(&self) -> &[V] {
        match &self.if_none_match {
            Some(VersionMatch::OneOf(versions)) => versions,
            Some(VersionMatch::Any) | None => &[],
        }
    }

    /// Evaluates the preconditions of a read: returns true if the client has the current version. `If-Match` is
    /// evaluated first (RFC 9110, section 13.2.2). Fails with [`ServiceError::PreconditionFailed`] if it is false.
    pub(crate) fn is_not_modified(&self, current: &V) -> Result<bool, ServiceError> {
        if self.if_match.as_ref().is_some_and(|versions| !versions.contains(current)) {
            return Err(ServiceError::PreconditionFailed);
        }
        Ok(self.if_none_match.as_ref().is_some_and(|versions| versions.contains(current)))
    }

    /// Evaluates the preconditions of a read of a resource without a version, which only `*` matches: returns true if
    /// `If-None-Match` is `*`.
    ///
    /// # Errors
    ///
    /// [`ServiceError::PreconditionFailed`] if `If-Match` names versions.
    pub fn is_not_modified_without_version(&self) -> Result<bool, ServiceError> {
        match &self.if_match {
            Some(VersionMatch::OneOf(_)) => Err(ServiceError::PreconditionFailed),
            Some(VersionMatch::Any) | None => Ok(self.if_none_match == Some(VersionMatch::Any)),
        }
    }

    /// Evaluates the preconditions of a write. Fails with [`ServiceError::PreconditionFailed`] if one of them is false.
    pub(crate) fn check_write(&self, current: &V) -> Result<(), ServiceError> {
        if self.is_not_modified(current)? { Err(ServiceError::PreconditionFailed) } else { Ok(()) }
    }
}
