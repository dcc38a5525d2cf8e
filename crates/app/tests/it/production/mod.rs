//! The service in production: behind a pooler and proxies, and under load.
//!
//! These tests need other programs, which `cargo xtask test --all` installs. Otherwise they are ignored.

mod crowd;
mod faults;
mod flooded;
mod load;
mod proxies;

use std::path::PathBuf;

use crate::support::Service;

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

/// Returns the value of a metric.
async fn metric(service: &Service, name: &str) -> u64 {
    let metrics = service.get("/metrics", None).await.body;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in\n{metrics}"))
}
