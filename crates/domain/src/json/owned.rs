use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::borrowed::{Json, Malformed};
use super::scan::Scanner;

/// One JSON value as text of its own, without blanks between tokens and otherwise as it was written.
///
/// Two texts are equal when they are written alike: `1.0` and `1` are not.
///
/// ```
/// use icp_domain::json::JsonText;
///
/// let text: JsonText = r#"{ "big": 12345678901234567890.50 }"#.parse()?;
/// assert_eq!(text.as_str(), r#"{"big":12345678901234567890.50}"#);
/// # Ok::<(), icp_domain::json::Malformed>(())
/// ```
#[derive(Clone, Debug)]
pub struct JsonText(Box<RawValue>);

impl Json<'_> {
    /// A copy without the blanks between tokens, and otherwise as it was written.
    pub fn to_owned(self) -> JsonText {
        JsonText::compact(self)
    }
}

impl JsonText {
    pub(super) fn compact(json: Json<'_>) -> Self {
        let mut text = String::with_capacity(json.text().len());
        text.extend(Scanner::new(json.text()).map(super::scan::Token::text));
        // The tokens of a JSON value, put together again, are that value; this cannot fail.
        Self(RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// The value, borrowed.
    pub fn as_json(&self) -> Json<'_> {
        Json::of_raw(&self.0)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Reads the text into a type of the caller's.
    ///
    /// # Errors
    ///
    /// What `serde_json` says when the text is not of that type.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_str(self.as_str())
    }
}

impl std::str::FromStr for JsonText {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Json::parse(text).map(Self::compact)
    }
}

impl From<&serde_json::Value> for JsonText {
    fn from(value: &serde_json::Value) -> Self {
        Self(RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonText {}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Json::of_raw(&Box::<RawValue>::deserialize(deserializer)?).to_owned())
    }
}
