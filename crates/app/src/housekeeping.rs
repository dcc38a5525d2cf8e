//! Periodic removal of outdated data.

use std::time::Duration;

use icp_application::IcpService;
use tokio::time::interval;

use crate::http::RateLimit;

const HOUSEKEEPING_INTERVAL: Duration = Duration::from_hours(1);

/// Removes expired idempotency keys, old revisions, and the request counts of users who may send all requests of their
/// rate limit again, at the start and then every hour. The next round repeats a removal that failed.
pub(crate) async fn run(icps: IcpService, rate_limit: Option<RateLimit>) {
    let mut rounds = interval(HOUSEKEEPING_INTERVAL);
    loop {
        rounds.tick().await;
        rate_limit.iter().for_each(RateLimit::remove_idle);
        match icps.remove_expired_keys().await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "removed old idempotency keys"),
            Err(error) => tracing::warn!(%error, "old idempotency keys could not be removed"),
        }
        match icps.remove_old_revisions().await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "removed old revisions"),
            Err(error) => tracing::warn!(%error, "old revisions could not be removed"),
        }
    }
}
