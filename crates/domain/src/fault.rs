use std::borrow::Cow;
use std::fmt;
use std::vec;

use serde::{Deserialize, Serialize};

use crate::json::Pointer;

/// One rule that a document breaks.
///
/// It serializes to an element of `errors` in the service's error responses, and deserializes from one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The value that breaks the rule; for a missing field, the place where it would be.
    pub pointer: Pointer,
    /// The kind of rule, for programs.
    pub code: FaultCode,
    /// A sentence for people.
    pub detail: Cow<'static, str>,
}

impl Fault {
    /// Creates a fault of a field of the document itself.
    pub(crate) fn of_field(name: &str, code: FaultCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: Pointer::default().member(name), code, detail: detail.into() }
    }
}

/// The kind of a [`Fault`]. The names on the wire are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultCode {
    /// A required field is missing.
    Required,
    /// A field that this version does not know.
    UnknownField,
    /// A value of the wrong JSON type.
    InvalidType,
    /// A value of the right type that has no meaning here.
    InvalidValue,
    /// A number or depth outside its limits.
    OutOfRange,
    /// A text or array that is too long.
    TooLong,
    /// A duplicate name or element.
    Duplicate,
    /// A field that only the service sets.
    ReadOnly,
    /// Text that cannot be read.
    Malformed,
    /// A code that this version does not know. Only reading the response of a newer service yields it.
    #[serde(other)]
    Unknown,
}

impl FaultCode {
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

impl fmt::Display for FaultCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// All faults of a document in document order, at least one and at most [`crate::limits::FAULTS`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Returns all faults.
    pub fn all(&self) -> &[Fault] {
        &self.0
    }

    /// Fails if there is a fault.
    pub(crate) fn check(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self(faults)) }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let place = match fault.pointer.as_str() {
                "" => "the document",
                pointer => pointer,
            };
            write!(formatter, "{separator}{place}: {} ({})", fault.detail, fault.code)?;
        }
        Ok(())
    }
}
