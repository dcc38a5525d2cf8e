use std::borrow::Borrow;
use std::str::FromStr;

use derive_more::{AsRef, Display, Into};
use serde::{Deserialize, Serialize};

use crate::{ViolationCode, limits, text};

/// The ID that Clerk gives a user, such as `user_2abc`. Any text that is not empty is an ID, because stored IDs may be
/// older than the current rules. IDs are compared byte by byte. [`crate::limits`] has the stricter rules for requests.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, AsRef, Display, Into,
)]
#[as_ref(str)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(String);

impl UserId {
    /// Returns the text of the ID.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the ID as a JSON string, as documents contain it.
    pub fn to_json(&self) -> String {
        serde_json::Value::from(self.as_str()).to_string()
    }

    /// Returns the violation that the ID causes in a request, or `None` if it is valid.
    pub fn violation(&self) -> Option<(ViolationCode, String)> {
        if self.0.len() > limits::USER_ID && self.0.chars().count() > limits::USER_ID {
            return Some((
                ViolationCode::TooLong,
                format!("must have at most {} characters", limits::USER_ID),
            ));
        }
        let is_forbidden = |character| text::is_white_space(character) || character == '\0';
        let detail = || (ViolationCode::InvalidValue, "must not contain white space or U+0000".to_owned());
        self.0.contains(is_forbidden).then(detail)
    }
}

impl TryFrom<String> for UserId {
    type Error = EmptyUserId;

    fn try_from(text: String) -> Result<Self, EmptyUserId> {
        if text.is_empty() { Err(EmptyUserId) } else { Ok(Self(text)) }
    }
}

impl TryFrom<&str> for UserId {
    type Error = EmptyUserId;

    fn try_from(text: &str) -> Result<Self, EmptyUserId> {
        text.to_owned().try_into()
    }
}

impl FromStr for UserId {
    type Err = EmptyUserId;

    fn from_str(text: &str) -> Result<Self, EmptyUserId> {
        text.try_into()
    }
}

/// Allows a set or map of IDs to be searched by text. The derived `Hash`, `Eq` and `Ord` agree with the implementations
/// for the text.
impl Borrow<str> for UserId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The error for an empty user ID.
#[derive(Debug, thiserror::Error)]
#[error("a user ID must not be empty")]
pub struct EmptyUserId;
