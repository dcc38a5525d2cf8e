use serde::ser::SerializeMap;

use crate::json::JsonText;

/// Fields of a stored object that this version does not know, in their stored order. They are serialized after the
/// known fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownFields(Vec<(String, JsonText)>);

impl UnknownFields {
    /// Returns true if there are no unknown fields. An ICP that this version creates from a request body has none. A
    /// copy has the unknown fields of its original.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value of the first field with this name.
    pub fn get(&self, name: &str) -> Option<&JsonText> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Returns all names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &JsonText)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn push(&mut self, name: String, value: JsonText) {
        self.0.push((name, value));
    }

    pub(crate) fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))
    }
}
