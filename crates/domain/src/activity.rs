use crate::Timestamp;

/// A condition on the expiry of an ICP. An ICP expires at its `activeUntil`. Without `activeUntil` it never expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// The ICP has not expired at this time.
    ActiveAt(Timestamp),
    /// The ICP has expired at this time.
    ExpiredAt(Timestamp),
}

impl Activity {
    /// Returns true if an ICP with this `activeUntil` matches.
    pub fn matches(self, active_until: Option<Timestamp>) -> bool {
        match self {
            Self::ActiveAt(now) => active_until.is_none_or(|end| end > now),
            Self::ExpiredAt(now) => active_until.is_some_and(|end| end <= now),
        }
    }
}
