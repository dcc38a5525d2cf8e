use serde::Serialize;

use crate::json::JsonText;

/// A part of an ICP that this version understands in full, or keeps exactly as it was stored.
///
/// Records outlive the code that wrote them: a filter type of next year is read as [`Part::Unknown`] by this year's
/// code, and written back without a byte of meaning lost. Writing through the API makes [`Part::Known`] only.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Part<T> {
    /// Understood.
    Known(T),
    /// Kept as it was stored.
    Unknown(JsonText),
}

impl<T> Part<T> {
    /// What is understood, if it is.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for Part<T> {
    fn from(known: T) -> Self {
        Self::Known(known)
    }
}
