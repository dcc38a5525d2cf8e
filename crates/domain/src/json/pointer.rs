use std::fmt;

use serde::{Serialize, Serializer};

/// A JSON Pointer (RFC 6901): the way from the root of a document to one of its values.
///
/// ```
/// use icp_domain::json::Pointer;
///
/// let pointer = Pointer::default().member("a/b").element(2);
/// assert_eq!(pointer.as_str(), "/a~1b/2");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(String);

impl Pointer {
    /// The pointer's text; empty for the whole document.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The pointer to a member of the object this one points to.
    #[must_use]
    pub fn member(&self, name: &str) -> Self {
        let mut longer = self.clone();
        longer.enter_member(name);
        longer
    }

    /// The pointer to an element of the array this one points to.
    #[must_use]
    pub fn element(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }

    pub(crate) fn enter_member(&mut self, name: &str) {
        self.0.push('/');
        for character in name.chars() {
            match character {
                '~' => self.0.push_str("~0"),
                '/' => self.0.push_str("~1"),
                other => self.0.push(other),
            }
        }
    }

    pub(crate) fn enter_element(&mut self, index: usize) {
        use fmt::Write as _;
        let _ = write!(self.0, "/{index}");
    }

    /// Points to the nearest value around this one whose pointer has at most `max` bytes.
    pub(crate) fn shorten(&mut self, max: usize) {
        while self.0.len() > max {
            self.0.truncate(self.0.rfind('/').unwrap_or_default());
        }
    }

    /// The length to go back to with [`Self::leave_to`].
    pub(crate) fn depth_mark(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn leave_to(&mut self, mark: usize) {
        self.0.truncate(mark);
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Pointer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
