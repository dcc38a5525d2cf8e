//! The service as it is run for others: behind a pooler, overloaded, under fire, and through failures of everything near it.
//!
//! These tests need PgBouncer, and take minutes: `cargo xtask test --all` runs them, one at a time; they are ignored otherwise.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod balancer;
mod crowd;
mod faults;
mod keys;
#[path = "../durability/ledger.rs"]
#[allow(dead_code, reason = "each test target uses some of it")]
mod ledger;
mod overload;
mod pooled;
mod readers;
mod unknown_keys;

use std::path::PathBuf;

use tokio::sync::{Mutex, MutexGuard};

/// Each measures something that the others would disturb.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// Where PgBouncer is.
fn pgbouncer() -> PathBuf {
    let named = std::env::var_os("ICP_TEST_PGBOUNCER").map(PathBuf::from);
    let usual = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().map(PathBuf::from);
    named
        .into_iter()
        .chain(usual)
        .find(|program| program.is_file())
        .expect("PgBouncer; cargo xtask test --all installs it")
}
