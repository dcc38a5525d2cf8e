//! Tests the service under load, under attack, and while its dependencies fail. These tests run one at a time,
//! because concurrent tests would delay their requests.

mod abuse;
mod anonymous;
mod balancer;
mod costs;
mod faults;
mod keys;
mod overload;
mod pooled;
mod probe;
mod readers;
mod silent;
mod slow_readers;
mod unknown_keys;
