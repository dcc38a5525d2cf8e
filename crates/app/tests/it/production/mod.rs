//! The service in production: behind a pooler and proxies, and under load.
//!
//! These tests need other programs, which `cargo xtask test --all` installs. Otherwise they are ignored.

mod load;
mod pooled;
mod proxies;

use std::path::PathBuf;

/// Returns the path of PgBouncer.
fn pgbouncer() -> PathBuf {
    let named = std::env::var_os("ICP_TEST_PGBOUNCER").map(PathBuf::from);
    let usual = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().map(PathBuf::from);
    named
        .into_iter()
        .chain(usual)
        .find(|program| program.is_file())
        .expect("PgBouncer; cargo xtask test --all installs it")
}
