use std::hash::{BuildHasher, RandomState};

/// Returns a random number. The source is the random hash keys of the standard library.
pub(super) fn number() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
