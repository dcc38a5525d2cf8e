//! How many requests are served at once, and how many each user may send.

mod concurrency;
mod rate;

pub(crate) use concurrency::Concurrency;
pub(super) use concurrency::Permit;
pub(crate) use rate::{Quota, RateLimit};
