#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

#[expect(clippy::expect_used, clippy::panic, reason = "a contract case reports a violation by failing")]
pub mod contract;
pub mod fakes;
pub mod faults;
pub mod fixtures;
#[cfg(feature = "generate")]
pub mod generate;
pub mod memory;
