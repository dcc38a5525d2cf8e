//! What was acknowledged is there, whatever is killed meanwhile; and what is there is whole.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod contention;
mod crashes;
mod ledger;
mod restarts;
