use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A JSON Pointer (RFC 6901): the path from the root of a document to one of its values.
///
/// ```
/// use icp_json::Pointer;
///
/// let pointer = Pointer::default().member("a/b").element(2);
/// assert_eq!(pointer.as_str(), "/a~1b/2");
/// assert_eq!("/a~1b/2".parse(), Ok(pointer));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pointer(String);

impl Pointer {
    /// Returns the pointer's text. It is empty for the root of the document.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the pointer to a member of the object at this pointer.
    #[must_use]
    pub fn member(&self, name: &str) -> Self {
        let mut longer = self.clone();
        longer.push_member(name);
        longer
    }

    /// Returns the pointer to an element of the array at this pointer.
    #[must_use]
    pub fn element(&self, index: usize) -> Self {
        let mut longer = self.clone();
        longer.push_element(index);
        longer
    }

    /// Appends the name of a member.
    pub fn push_member(&mut self, name: &str) {
        self.0.push('/');
        if !name.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
            return self.0.push_str(name);
        }
        for character in name.chars() {
            match character {
                '~' => self.0.push_str("~0"),
                '/' => self.0.push_str("~1"),
                other => self.0.push(other),
            }
        }
    }

    /// Appends the index of an element.
    pub fn push_element(&mut self, index: usize) {
        use fmt::Write as _;
        let _ = write!(self.0, "/{index}");
    }

    /// Shortens the pointer to the nearest enclosing value whose pointer has at most `max` bytes.
    pub fn truncate(&mut self, max: usize) {
        let mut end = max;
        while end > 0 && self.0.as_bytes().get(end).is_some_and(|byte| *byte != b'/') {
            end -= 1;
        }
        // Now the pointer is short enough, or the byte at `end` is a slash.
        self.0.truncate(end);
    }
}

impl TryFrom<String> for Pointer {
    type Error = InvalidPointer;

    fn try_from(text: String) -> Result<Self, InvalidPointer> {
        let has_valid_start = text.is_empty() || text.starts_with('/');
        let is_escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if has_valid_start && is_escaped { Ok(Self(text)) } else { Err(InvalidPointer) }
    }
}

impl FromStr for Pointer {
    type Err = InvalidPointer;

    fn from_str(text: &str) -> Result<Self, InvalidPointer> {
        text.to_owned().try_into()
    }
}

impl From<Pointer> for String {
    fn from(pointer: Pointer) -> Self {
        pointer.0
    }
}

impl AsRef<str> for Pointer {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The error for a text that is not a JSON Pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON Pointer: it must be empty or start with `/`, and `~` must be followed by 0 or 1")]
pub struct InvalidPointer;
