use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::json::JsonText;

/// Members of a stored object that this version does not know, in their stored order. They are written back after
/// the known ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtraMembers(Vec<(String, JsonText)>);

impl ExtraMembers {
    /// Whether there are none, as in everything that this version writes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &JsonText)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn push(&mut self, name: String, value: JsonText) {
        self.0.push((name, value));
    }
}

impl Serialize for ExtraMembers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
