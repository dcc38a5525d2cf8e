use std::borrow::Cow;
use std::fmt;
use std::vec;

use serde::{Deserialize, Serialize};

use crate::json::Pointer;

/// One rule that a document breaks.
///
/// A violation serializes to an element of `errors` in the error responses of the service, and can be deserialized from
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The JSON Pointer to the value that breaks the rule, or to the position of a missing field.
    pub pointer: Pointer,
    /// The kind of the violation, for programs.
    pub code: ViolationCode,
    /// A description for people.
    pub detail: Cow<'static, str>,
}

impl Violation {
    /// Creates a violation of a top-level field.
    pub fn of_field(name: &str, code: ViolationCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: Pointer::default().member(name), code, detail: detail.into() }
    }
}

/// The kind of a [`Violation`]. The names on the wire are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, derive_more::Display)]
#[display("{}", self.as_str())]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ViolationCode {
    /// A required field is missing.
    Required,
    /// A field that this version does not know.
    UnknownField,
    /// A value of the wrong JSON type.
    InvalidType,
    /// A value of the right type that is not allowed.
    InvalidValue,
    /// A number or depth outside its limits.
    OutOfRange,
    /// A text or array that is too long.
    TooLong,
    /// A duplicate name or element.
    Duplicate,
    /// A field that only the service sets.
    ReadOnly,
    /// Text that is not valid JSON or not valid Unicode.
    Malformed,
    /// A code that this version does not know, from a response of a newer service.
    #[serde(other)]
    Unknown,
}

impl ViolationCode {
    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::UnknownField => "unknown_field",
            Self::InvalidType => "invalid_type",
            Self::InvalidValue => "invalid_value",
            Self::OutOfRange => "out_of_range",
            Self::TooLong => "too_long",
            Self::Duplicate => "duplicate",
            Self::ReadOnly => "read_only",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
        }
    }
}

/// The reported violations of a document in document order: at least one, and at most [`crate::limits::VIOLATIONS`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ValidationErrors(Vec<Violation>);

impl ValidationErrors {
    /// Returns the violations.
    pub fn all(&self) -> &[Violation] {
        &self.0
    }

    /// Returns `Ok` if there are no violations.
    ///
    /// # Errors
    ///
    /// The violations, which must be in document order.
    pub fn check(violations: Vec<Violation>) -> Result<(), Self> {
        if violations.is_empty() { Ok(()) } else { Err(Self(violations)) }
    }
}

impl From<Violation> for ValidationErrors {
    fn from(violation: Violation) -> Self {
        Self(vec![violation])
    }
}

impl IntoIterator for ValidationErrors {
    type Item = Violation;
    type IntoIter = vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for ValidationErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let location = match violation.pointer.as_str() {
                "" => "the document",
                pointer => pointer,
            };
            write!(formatter, "{separator}{location}: {} ({})", violation.detail, violation.code)?;
        }
        Ok(())
    }
}
