use serde::Serialize;

use crate::json::JsonText;

/// A part of an ICP that this version understands in full, or keeps exactly as it was stored.
///
/// Records outlive the code that wrote them: this version reads a filter type of a newer one as [`MaybeKnown::Unknown`], and writes
/// it back unchanged. Strict reading yields only [`MaybeKnown::Known`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MaybeKnown<T> {
    /// A part that this version understands.
    Known(T),
    /// A part that is kept as it was stored.
    Unknown(JsonText),
}

impl<T> MaybeKnown<T> {
    /// Returns the part if this version understands it.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for MaybeKnown<T> {
    fn from(known: T) -> Self {
        Self::Known(known)
    }
}
