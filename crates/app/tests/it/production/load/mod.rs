//! The service under load, attack and failures of the systems around it. The tests run one at a time, because each measures
//! times that other tests would change.

mod abuse;
mod anonymous;
mod balancer;
mod costs;
mod crowd;
mod faults;
mod flooded;
mod keys;
mod overload;
mod probe;
mod readers;
mod silent;
mod slow_readers;
mod unknown_keys;
