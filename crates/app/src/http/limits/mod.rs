//! How many requests are served at once, and how many each user may send.

mod concurrency;
mod rate;

pub(crate) use concurrency::Concurrency;
pub(super) use concurrency::{Permit, admit};
pub(super) use rate::rate_limit;
pub(crate) use rate::{Quota, RateLimit};
