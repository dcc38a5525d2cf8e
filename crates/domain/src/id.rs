use std::str::FromStr;

use derive_more::{Display, From};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// Identifier of an ICP: a UUID, written in lower case with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, From)]
pub struct IcpId(Uuid);

impl IcpId {
    /// The nil UUID. It is the smallest ID, and the placeholder of an ID that is not assigned yet.
    pub const NIL: Self = Self(Uuid::nil());

    /// Returns the next larger ID, or `None` for the largest ID.
    pub fn successor(self) -> Option<Self> {
        self.0.as_u128().checked_add(1).map(|next| Self(Uuid::from_u128(next)))
    }

    /// Returns the UUID.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl FromStr for IcpId {
    type Err = InvalidIcpId;

    /// Parses the form with hyphens (RFC 9562, section 4), in upper or lower case. Refuses all other forms.
    fn from_str(text: &str) -> Result<Self, InvalidIcpId> {
        // `Uuid` also parses braces, URNs and digits without hyphens. They are refused so that each ID has only one
        // form, apart from case.
        match Uuid::try_parse(text) {
            Ok(uuid) if text.len() == Hyphenated::LENGTH => Ok(Self(uuid)),
            _ => Err(InvalidIcpId),
        }
    }
}

impl Serialize for IcpId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]))
    }
}

impl<'de> Deserialize<'de> for IcpId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The error for a text that is not a UUID in the form with hyphens.
#[derive(Debug, thiserror::Error)]
#[error("not a UUID such as 550e8400-e29b-41d4-a716-446655440000")]
pub struct InvalidIcpId;
