use serde::Serialize;

use crate::json::JsonText;

/// A part of an ICP that this version knows, or the text of an unknown part, without white space between tokens.
///
/// A newer version may have written an ICP. This version reads a filter of an unknown type as [`MaybeKnown::Unknown`],
/// and writes it unchanged. An ICP that was read with [`Rules::Strict`](crate::Rules::Strict) contains only
/// [`MaybeKnown::Known`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MaybeKnown<T> {
    /// A part that this version knows.
    Known(T),
    /// The text of an unknown part.
    Unknown(JsonText),
}

impl<T> MaybeKnown<T> {
    /// Returns the part if this version knows it.
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
