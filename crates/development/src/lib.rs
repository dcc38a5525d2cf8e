#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod key;
mod samples;

pub use key::{ADMIN_CLAIM, DevelopmentKey, ISSUER, SAMPLE_USER, TokenClaims};
pub use samples::store_samples;
