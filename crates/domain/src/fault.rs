use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::json::Pointer;

/// One thing that is wrong with a document, where it is, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The way to the value at fault; for a missing member, to where it would be.
    pub pointer: Pointer,
    /// What kind of fault, for programs.
    pub code: FaultCode,
    /// A sentence for people, that says what would be right.
    pub detail: Cow<'static, str>,
}

/// The kinds of [`Fault`]. The names on the wire are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// A member that must be there is not.
    Required,
    /// A member that nobody knows.
    UnknownField,
    /// A value of another JSON type.
    InvalidType,
    /// A value of the right type that means nothing here.
    InvalidValue,
    /// A number or count outside its limits.
    OutOfRange,
    /// A text or array longer than allowed.
    TooLong,
    /// A name or element that is there already.
    Duplicate,
    /// A member that only the service sets.
    ReadOnly,
    /// Text that cannot be read at all.
    Malformed,
}

impl FaultCode {
    /// The name on the wire.
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
        }
    }
}

impl Serialize for FaultCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// All faults of a document, at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Every fault found, in no particular order; at most [`crate::limits::FAULTS`].
    pub fn all(&self) -> &[Fault] {
        &self.0
    }

    /// Fails when there is a fault.
    pub(crate) fn check(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self(faults)) }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
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
