//! Tests the service under load and under attack. These tests run one at a time, because concurrent tests would delay
//! their requests.

mod abuse;
mod anonymous;
mod costs;
mod overload;
mod pooled;
mod probe;
mod silent;
mod slow_readers;
mod unknown_keys;
