#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test case reports a violation of the contract by a panic"
)]
pub mod contract;
pub mod fakes;
pub mod faults;
pub mod fixtures;
#[cfg(feature = "generate")]
pub mod generate;
pub mod memory;
