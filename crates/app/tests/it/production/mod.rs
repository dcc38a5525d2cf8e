//! The service in production: behind a pooler, overloaded, attacked, and during failures of its dependencies.
//!
//! These tests need PgBouncer, and take minutes: `cargo xtask test --all` runs them, one at a time, since each
//! measures what others would disturb. Otherwise they are ignored.

mod abuse;
mod balancer;
mod costs;
mod crowd;
mod faults;
mod flooded;
mod keys;
mod overload;
mod pooled;
mod probe;
mod proxies;
mod readers;
mod silent;
mod slow_readers;
mod strangers;
mod unknown_keys;

use std::path::PathBuf;

/// The path of PgBouncer.
fn pgbouncer() -> PathBuf {
    let named = std::env::var_os("ICP_TEST_PGBOUNCER").map(PathBuf::from);
    let usual = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().map(PathBuf::from);
    named
        .into_iter()
        .chain(usual)
        .find(|program| program.is_file())
        .expect("PgBouncer; cargo xtask test --all installs it")
}
