#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

#[expect(clippy::expect_used, clippy::panic, reason = "a contract case says what it expects by failing")]
pub mod contract;
pub mod fakes;
pub mod fixtures;
#[cfg(feature = "generate")]
pub mod generate;
pub mod memory;
pub mod postgres;
