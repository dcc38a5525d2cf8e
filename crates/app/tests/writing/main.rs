//! How one ICP is created, read, changed and deleted over HTTP, on both databases.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod conditions;
mod contending;
mod creating;
mod deleting;
mod dry_run;
mod faults;
mod limits;
mod malformed;
mod patching;
mod reading;
mod repeating;
mod services;
mod sharing;
mod target;
mod texts;
mod transport;
mod types;
mod users;
