//! The service under load and attack. These tests run one at a time, because other tests would delay their requests.

mod abuse;
mod anonymous;
mod costs;
mod overload;
mod pooled;
mod probe;
mod silent;
mod slow_readers;
mod unknown_keys;
