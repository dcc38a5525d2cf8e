use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::borrowed::{Json, Malformed};
use super::scan::Scanner;

/// An owned JSON value: its original text without white space between tokens.
///
/// Two values are equal if their texts are equal. So `1.0` and `1` are different.
///
/// ```
/// use icp_json::JsonText;
///
/// let text: JsonText = r#"{ "big": 12345678901234567890.50 }"#.parse()?;
/// assert_eq!(text.as_str(), r#"{"big":12345678901234567890.50}"#);
/// # Ok::<(), icp_json::Malformed>(())
/// ```
#[derive(Clone, Debug)]
pub struct JsonText(Box<RawValue>);

impl Json<'_> {
    /// Copies the value without the white space between its tokens.
    pub fn to_owned(self) -> JsonText {
        JsonText::compact(self)
    }
}

impl JsonText {
    fn compact(json: Json<'_>) -> Self {
        let mut text = String::with_capacity(json.text().len());
        text.extend(Scanner::new(json.text()).map(super::scan::Token::text));
        Self::from_valid(text)
    }

    #[expect(clippy::expect_used, reason = "a silent substitute would corrupt stored data")]
    fn from_valid(text: String) -> Self {
        Self(RawValue::from_string(text).expect("the tokens of a JSON value are a JSON value"))
    }

    /// Returns the value as a borrowed [`Json`].
    pub fn as_json(&self) -> Json<'_> {
        Json::of_raw(&self.0)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Deserializes the value.
    ///
    /// # Errors
    ///
    /// The error of `serde_json` if the text does not represent a `T`.
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
        Self::from_valid(value.to_string())
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
