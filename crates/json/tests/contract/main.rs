//! Tests of the public API of the crate.

#![cfg(test)]

mod audit_properties;
mod pointers;
mod scanner_properties;

use proptest::test_runner::Config;

fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}
