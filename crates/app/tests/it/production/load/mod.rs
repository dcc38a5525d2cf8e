//! The service under load, attack and failures of the systems around it. These tests run one at a time, because others would
//! delay their requests.

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
