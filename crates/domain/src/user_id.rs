use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{FaultCode, limits};

/// The id that Clerk gives a user, such as `user_2abc`. Any text but the empty one, compared byte for byte:
/// ids outlive the rules by which they were made. What may be *written* is narrower, see [`crate::limits`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(String);

impl UserId {
    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What speaks against writing this id anew.
    pub(crate) fn objection(&self) -> Option<(FaultCode, String)> {
        if self.0.chars().count() > limits::USER_ID {
            return Some((FaultCode::TooLong, format!("must have at most {} characters", limits::USER_ID)));
        }
        let unfit = |character: char| character.is_whitespace() || character == '\0';
        self.0
            .contains(unfit)
            .then(|| (FaultCode::InvalidValue, "must not hold white space or U+0000".to_owned()))
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

impl std::str::FromStr for UserId {
    type Err = EmptyUserId;

    fn from_str(text: &str) -> Result<Self, EmptyUserId> {
        text.try_into()
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A user id has at least one character.
#[derive(Debug, thiserror::Error)]
#[error("a user id is not empty")]
pub struct EmptyUserId;
