//! The service in production: behind a pooler and proxies, and under load.
//!
//! These tests take long or need other programs, so they are ignored by default. `cargo xtask test --all` installs the
//! programs and runs the tests.

mod crowd;
mod faults;
mod load;
mod proxies;
mod very_long_list;

use std::path::PathBuf;

use crate::support::Service;

/// Returns the path of PgBouncer.
fn pgbouncer() -> PathBuf {
    let configured_path = std::env::var_os("ICP_TEST_PGBOUNCER").map(PathBuf::from);
    let usual_paths = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().map(PathBuf::from);
    configured_path
        .into_iter()
        .chain(usual_paths)
        .find(|program| program.is_file())
        .expect("PgBouncer must be installed; cargo xtask test --all installs it")
}

/// Returns the value of a metric.
async fn metric(service: &Service, name: &str) -> u64 {
    let metrics = service.get("/metrics", None).await.body;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("the metrics must contain {name}:\n{metrics}"))
}
