use std::hash::{BuildHasher, RandomState};

/// A number that another process is unlikely to come by; the standard library's hash keys are random.
pub(super) fn number() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
