use crate::Timestamp;

/// Whether an ICP has expired at a given time: when its `activeUntil` is reached, and never without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It has not.
    ActiveAt(Timestamp),
    /// It has.
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
