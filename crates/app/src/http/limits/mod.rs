//! Limits on the requests in flight, and on the requests of each user.

mod concurrency;
mod rate;

pub(crate) use concurrency::Concurrency;
pub(super) use concurrency::Permit;
pub(crate) use rate::{Quota, RateLimit};
